"""Figures of ordinal grading, with intervals by person.

Photographs of one person are not independent: intervals resample people, not photographs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from face.palsy.decoding import median_class

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.floating[Any]]


def confusion_matrix(truth: Ints, predicted: Ints, *, classes: int) -> npt.NDArray[np.int64]:
    """(K, K) counts, rows = truth. Both (N,) from 0."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (truth, predicted), 1)
    return matrix


def quadratic_weighted_kappa(truth: Ints, predicted: Ints, *, classes: int) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968). 0 where truth and prediction are both one and the same
    constant."""
    observed = confusion_matrix(truth, predicted, classes=classes).astype(np.float64)
    weights = (np.arange(classes)[:, None] - np.arange(classes)) ** 2
    expected = np.outer(observed.sum(1), observed.sum(0)) / max(observed.sum(), 1)
    chance = (weights * expected).sum()
    return float(1 - (weights * observed).sum() / chance) if chance > 0 else 0.0


def per_class_recall(matrix: Ints) -> Floats:
    """(K,) recall, NaN for a class without a sample."""
    totals = matrix.sum(1)
    return np.where(totals > 0, np.diag(matrix) / np.maximum(totals, 1), np.nan)


def macro_f1(matrix: Ints) -> float:
    """Unweighted mean of the F1 of the classes that occur in truth or prediction."""
    support = matrix.sum(0) + matrix.sum(1)
    f1 = 2 * np.diag(matrix) / np.maximum(support, 1)
    return float(f1[support > 0].mean())


def reliability(
    confidence: Floats, correct: npt.NDArray[np.bool_], *, bins: int = 10
) -> tuple[float, list[dict[str, float]]]:
    """(expected calibration error, bins): equal-width bins of confidence with count, mean confidence and accuracy."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    rows, error = [], 0.0
    for number in range(bins):
        inside = index == number
        if inside.any():
            mean, accuracy = float(confidence[inside].mean()), float(correct[inside].mean())
            error += inside.mean() * abs(mean - accuracy)
            rows.append(
                {
                    "low": number / bins,
                    "high": (number + 1) / bins,
                    "count": int(inside.sum()),
                    "confidence": mean,
                    "accuracy": accuracy,
                }
            )
    return float(error), rows


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
    matrix = confusion_matrix(truth, predicted, classes=classes)
    correct = predicted == truth
    figures = {
        "kappa": quadratic_weighted_kappa(truth, predicted, classes=classes),
        "exact": float(correct.mean()),
        "within_one": float((np.abs(predicted - truth) <= 1).mean()),
        "mae": float(np.abs(expected - truth).mean()),
        "grade_mae": float(np.abs(predicted - truth).mean()),
        "macro_f1": macro_f1(matrix),
        "ece": reliability(probabilities[np.arange(len(truth)), predicted], correct)[0],
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


def intervals_by_person(
    people: Sequence[str] | npt.NDArray[np.object_],
    figures: Callable[[Ints], Mapping[str, float]],
    *,
    repeats: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap: figures(rows) of as many people drawn with replacement, all their rows. Empty for fewer
    than two people."""
    names, inverse = np.unique(np.asarray(people, dtype=object).astype(str), return_inverse=True)
    if len(names) < 2:
        return {}
    rows_of = [np.flatnonzero(inverse == index) for index in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {}
    for _ in range(repeats):
        rows = np.concatenate([rows_of[index] for index in rng.integers(0, len(names), len(names))])
        for name, value in figures(rows).items():
            if np.isfinite(value):
                drawn.setdefault(name, []).append(value)
    tail = (1 - level) / 2
    return {
        name: (float(np.quantile(values, tail)), float(np.quantile(values, 1 - tail))) for name, values in drawn.items()
    }
