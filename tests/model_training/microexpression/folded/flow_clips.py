"""Made-up flow clips whose class can be learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from face.vocabulary import EMOTIONS
from model_training.microexpression.published_flow import FlowImages


def made_up(subjects: int = 4, clips: int = 9, seed: int = 0, classes: tuple[str, ...] = EMOTIONS) -> FlowImages:
    """A class is where a bright blob lies."""
    rng = np.random.default_rng(seed)
    labels = np.resize(np.arange(len(classes)), subjects * clips)
    images = rng.integers(90, 140, (len(labels), 28, 28, 3)).astype(np.uint8)
    step = 24 // len(classes)
    for image, label in zip(images, labels, strict=True):
        image[4 + step * label : 10 + step * label, 8:20, 1:] = 250
    return FlowImages(
        images=images,
        labels=labels,
        subjects=np.repeat([f"set/s{number}" for number in range(subjects)], clips),
        datasets=np.array(["set"] * len(labels)),
        clips=np.array([str(number) for number in range(len(labels))]),
        class_names=classes,
    )


def save_cache(data: FlowImages, path: Path) -> None:
    np.savez_compressed(
        path, flow=data.images, label=data.labels, subject=data.subjects, dataset=data.datasets, clip=data.clips,
        class_names=np.array(data.class_names),
    )  # fmt: skip
