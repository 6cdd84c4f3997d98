"""The answers of all folds of a cross-validation of grading, judged together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from face.palsy.decoding import PalsyCalibration
from model_training.data.cache import Cache
from model_training.judging.evaluated import Evaluated
from model_training.judging.fold import Fold
from model_training.palsy.evaluation.evaluate import summarise, write_evaluation
from model_training.palsy.evaluation.judgement import Judgement, judge
from model_training.training.config import TrainConfig


def write_pooled_grades(
    config: TrainConfig, cache: Cache, folds: Sequence[Fold], out: Path, *, pictures: bool = False
) -> Evaluated:
    """Like an evaluation of one checkpoint, of every photograph."""
    judged = pool_folds(config, cache, folds)
    return write_evaluation(
        judged, summarise(judged), out, title=f"{len(folds)} folds by person", pictures=cache if pictures else None
    )


def pool_folds(config: TrainConfig, cache: Cache, folds: Sequence[Fold]) -> Judgement:
    """All folds' test answers, each decoded with its own fold's calibration."""
    labels = config.data.labels
    frames, readings = [], []
    for fold in folds:
        part = judge(
            cache.frame.iloc[fold.rows],
            fold.outputs,
            labels=labels,
            calibration=PalsyCalibration.from_dict(fold.calibration),
        )
        frames.append(part.frame)
        readings += part.readings
    frame = pd.concat(frames, ignore_index=True)
    pooled = judge(frame, _nothing(len(frame), len(labels)), labels=labels, calibration=PalsyCalibration())
    return replace(pooled, readings=readings)


def _nothing(count: int, classes: int) -> dict[str, Any]:
    return {"grade_logits": np.zeros((count, classes - 1)), "side_logits": np.zeros((count, 3))}
