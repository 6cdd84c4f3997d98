"""Figures of ordinal grading."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from face.palsy.decoding import median_class
from model_training.metrics.classification import Floats, Ints, confusion_matrix, macro_f1, quadratic_weighted_kappa
from model_training.metrics.reliability import calibration_error, equal_width_bins

RELIABILITY_BINS = 10


def grading_figures(
    *,
    truth: Ints,
    probabilities: Floats,
    expected: Floats,
    classes: int,
    in_set: npt.NDArray[np.bool_] | None = None,
    sides: Ints | None = None,
    predicted_sides: Ints | None = None,
    likelier_sides: Ints | None = None,
) -> dict[str, float]:
    """truth (N,) from 0, probabilities (N, K), expected (N,) from 0, in_set (N, K), sides (N,) with -1 for unknown.

    `mae` is the error of the expected grade, `grade_mae` that of the grade answered (the median class). Side accuracy
    is over the samples whose side is known; `side_palsy` over those of label 3 and worse (grade III), `healthy_none`
    over label 1. `likelier_side_palsy` is the same of `likelier_sides`, which are never `none`.
    """
    predicted = median_class(probabilities)
    matrix = confusion_matrix(truth=truth, predicted=predicted, classes=classes)
    correct = predicted == truth
    figures = {
        "kappa": quadratic_weighted_kappa(truth, predicted, classes=classes),
        "exact": float(correct.mean()),
        "within_one": float((np.abs(predicted - truth) <= 1).mean()),
        "mae": float(np.abs(expected - truth).mean()),
        "grade_mae": float(np.abs(predicted - truth).mean()),
        "macro_f1": macro_f1(matrix),
        "ece": calibration_error(
            equal_width_bins(probabilities[np.arange(len(truth)), predicted], correct, bins=RELIABILITY_BINS)
        ),
    }
    if in_set is not None:
        figures["coverage"] = float(in_set[np.arange(len(truth)), truth].mean())
        figures["set_size"] = float(in_set.sum(1).mean())
    if sides is not None:
        known = sides >= 0
        for name, told, rows in (
            ("side", predicted_sides, known),
            ("side_palsy", predicted_sides, known & (truth >= 2)),
            ("likelier_side_palsy", likelier_sides, known & (truth >= 2)),
            ("healthy_none", predicted_sides, known & (truth == 0)),
        ):
            if told is not None and rows.any():
                figures[name] = float((told[rows] == sides[rows]).mean())
    return figures
