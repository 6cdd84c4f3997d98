"""What training changes in a flow image: which side of the face is which, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from model_training.runtime.arrays import Arrays
from model_training.training.config import AugmentationConfig


def mirror_flow(sample: Mapping[str, Any]) -> Arrays:
    """The flow image of the mirrored clip: flipped, horizontal motion u negated (255 - u on the min-max scale)."""
    flow = sample["flow"][..., ::-1].copy()
    flow[0] = 255 - flow[0]
    return {**sample, "flow": flow}


def augment_flow(sample: Mapping[str, Any], *, config: AugmentationConfig, rng: np.random.Generator) -> Arrays:
    """Flow images: the mirror only; photometric changes would change what the motion is."""
    return mirror_flow(sample) if config.flip and rng.random() < 0.5 else dict(sample)
