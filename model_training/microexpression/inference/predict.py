"""An onset and an apex file -> what a checkpoint says of the motion between them, as the service would."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from face.errors import PreprocessingError
from face.frame.quality import QualityLimits
from face.microexpression.reading import ReadPair, read_pair
from face.microexpression.spec import MicroExpressionSpec
from face.photograph import PhotographReader
from face.stopwatch import Stopwatch
from face.vocabulary import FacePolicy
from model_training.configuration import build
from model_training.data.files import TRAINING_LIMITS
from model_training.errors import TrainingError
from model_training.microexpression.folded.reference import load_reference
from model_training.microexpression.folded.training import TrainingConfig, predict


def predict_pair(checkpoint: Path, onset: Path, apex: Path, *, policy: FacePolicy = "single") -> ReadPair:
    """Raises TrainingError for a checkpoint that was made by another preprocessing, and for frames that cannot be
    judged."""
    stored = load_reference(checkpoint)
    spec = MicroExpressionSpec.from_dict(stored["preprocessing"]["spec"])
    config = build(TrainingConfig, stored["config"], source=str(checkpoint))

    def graph(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        each = predict(config, stored["state_dict"], torch.from_numpy(tensors["flow"]))
        return {"emotion_logits": np.log(each.numpy().mean(0))}

    reader = PhotographReader(limits=TRAINING_LIMITS)
    watch = Stopwatch()
    frames = []
    for path in (onset, apex):
        try:
            frames.append(reader.read(path.read_bytes(), policy=policy, watch=watch))
        except OSError as error:
            raise TrainingError(f"{path}: cannot be read ({error.strerror})") from error
        except PreprocessingError as error:
            raise TrainingError(f"{path}: {error}") from error
    try:
        return read_pair(
            frames[0],
            frames[1],
            spec,
            graph,
            emotions=stored["labels"],
            temperature=float(stored["calibration"]["temperature"]),
            limits=QualityLimits(),
            watch=watch,
        )
    except PreprocessingError as error:
        raise TrainingError(f"{onset} and {apex}: {error}") from error
    finally:
        reader.close()


def as_json(read: ReadPair) -> dict[str, Any]:
    """The fields of `POST /v1/microexpression/classify`, without pictures."""
    return {
        "emotion": {"label": read.label, "probability": read.probability},
        "probabilities": read.probabilities,
        "movement_kind": read.made.moved.kind,
        "motion": {
            "reliability": read.made.moved.reliability,
            "score": read.made.moved.score,
            "regions": read.made.moved.regions,
        },
        "warnings": list(read.warnings),
    }
