"""The answers of all folds of a cross-validation of micro-expressions, judged together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from face.probability import softmax
from model_training.data.cache import Cache
from model_training.judging.evaluated import Evaluated
from model_training.judging.fold import Fold
from model_training.microexpression.evaluation.clips_report import write_clips_report
from model_training.microexpression.published_flow import clips_of
from model_training.training.config import TrainConfig


def write_pooled_emotions(config: TrainConfig, cache: Cache, folds: Sequence[Fold], out: Path) -> Evaluated:
    """Like an evaluation of one checkpoint, of every clip; each fold's answers have its own temperature."""
    rows = np.concatenate([fold.rows for fold in folds])
    answered = np.concatenate(
        [softmax(fold.outputs["emotion_logits"].astype(np.float64) / fold.calibration["temperature"]) for fold in folds]
    )
    order = np.argsort(rows)
    clips = clips_of(cache, names=config.data.labels, rows=rows[order])
    return write_clips_report(clips, answered[order], out, title=f"{len(folds)} folds by person")
