"""The tasks there are: the one place that knows both wings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from face.vocabulary import FacePolicy
from model_training.data.cache import Cache
from model_training.data.producer import Producer
from model_training.errors import TrainingError
from model_training.training.config import TrainConfig
from model_training.training.task import Task

if TYPE_CHECKING:
    from model_training.judging.evaluated import Evaluated
    from model_training.judging.fold import Fold


def make_task(config: TrainConfig) -> Task:
    """The task that `config.task` names. Raises TrainingError for a part of the configuration that it refuses."""
    if config.task == "palsy":
        from model_training.palsy.task import PalsyTask

        return PalsyTask(config)
    if config.task == "microexpression":
        from model_training.microexpression.task import MicroExpressionTask

        return MicroExpressionTask(config)
    raise TrainingError(f"unknown task {config.task!r}")


def make_producer(kind: str, *, faces: FacePolicy) -> Producer:
    """What makes the cached samples of a kind: palsy or microexpression. faces: which face is taken where there are
    several."""
    if kind == "palsy":
        from model_training.palsy.cached_sample import PalsyProducer

        return PalsyProducer(faces=faces)
    if kind == "microexpression":
        from model_training.microexpression.cached_sample import FlowProducer

        return FlowProducer(faces=faces)
    raise TrainingError(f"unknown kind of samples {kind!r}")


def judge_folds(config: TrainConfig, cache: Cache, folds: Sequence[Fold], out: Path) -> Evaluated:
    """The folds of a cross-validation pooled, each with its own calibration, and written to `out` as an evaluation."""
    if config.task == "palsy":
        from model_training.palsy.evaluation.pooled_folds import write_pooled_grades

        return write_pooled_grades(config, cache, folds, out)
    from model_training.microexpression.evaluation.pooled_folds import write_pooled_emotions

    return write_pooled_emotions(config, cache, folds, out)
