"""An onset and an apex file -> what a checkpoint says of the motion between them, as the service would."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from face.errors import PreprocessingError
from face.frame.quality import QualityLimits
from face.microexpression.reading import ReadPair, read_pair
from face.microexpression.spec import MicroExpressionSpec
from face.photograph import Photograph, PhotographReader
from face.stopwatch import Stopwatch
from face.vocabulary import FacePolicy
from model_training.data.files import TRAINING_LIMITS
from model_training.errors import TrainingError
from model_training.microexpression.inference.answers import answers_of, temperature_of
from model_training.training.checkpoint import load_checkpoint


@dataclass(frozen=True, eq=False)
class AnsweredPair:
    """The answer and the two frames that it is of."""

    read: ReadPair
    onset: Photograph
    apex: Photograph


def predict_pair(checkpoint: Path, onset: Path, apex: Path, *, policy: FacePolicy = "single") -> AnsweredPair:
    """Of any micro-expression checkpoint. Raises TrainingError for one that was made by another preprocessing, and for
    frames that cannot be judged."""
    stored = load_checkpoint(checkpoint)
    temperature = temperature_of(stored)
    try:
        spec = MicroExpressionSpec.from_dict(stored.preprocessing["spec"])
    except ValueError as error:
        raise TrainingError(f"{checkpoint}: {error}") from error
    answers = answers_of(stored)

    def graph(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"emotion_logits": np.log(answers(torch.from_numpy(tensors["flow"])).mean(0))}

    watch = Stopwatch()
    with closing(PhotographReader(limits=TRAINING_LIMITS)) as reader:
        still, moved = (_frame(reader, path, policy, watch) for path in (onset, apex))
    try:
        read = read_pair(
            still,
            moved,
            spec,
            graph,
            emotions=stored.labels,
            temperature=temperature,
            limits=QualityLimits(),
            watch=watch,
        )
    except PreprocessingError as error:
        raise TrainingError(f"{onset} and {apex}: {error}") from error
    return AnsweredPair(read, still, moved)


def _frame(reader: PhotographReader, path: Path, policy: FacePolicy, watch: Stopwatch) -> Photograph:
    try:
        return reader.read(path.read_bytes(), policy=policy, watch=watch)
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror})") from error
    except PreprocessingError as error:
        raise TrainingError(f"{path}: {error}") from error


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
