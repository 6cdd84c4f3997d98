"""How far a stated probability can be believed: the reliability curve and the expected calibration error.

Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_training.metrics.classification import Floats, Ints


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """A point of the reliability curve. low, high: bounds of the confidence in the bin; count: answers in it;
    confidence, accuracy: their mean confidence and the share of them that is right. All but count in 0..1."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def most_probable(probabilities: Floats, labels: Ints) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """probabilities (N, K), labels (N,) from 0 -> confidence (N,) of the most probable class and whether it is right
    (N,)."""
    return probabilities.max(1), probabilities.argmax(1) == labels


def equal_width_bins(confidence: Floats, correct: npt.NDArray[np.bool_], *, bins: int) -> list[ReliabilityBin]:
    """confidence (N,) in 0..1, correct (N,) -> the bins of width 1 / `bins` that hold an answer, in order."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    inside = [(number, place == number) for number in range(bins)]
    return [
        _bin(confidence[rows], correct[rows], low=number / bins, high=(number + 1) / bins)
        for number, rows in inside
        if rows.any()
    ]


def equal_count_bins(confidence: Floats, correct: npt.NDArray[np.bool_], *, bins: int) -> list[ReliabilityBin]:
    """confidence (N,) in 0..1, correct (N,) -> `bins` bins of as many answers each (to one), in order; fewer where
    there are fewer answers. For samples too few to fill bins of equal width."""
    parts = np.array_split(np.argsort(confidence, kind="stable"), bins)
    return [
        _bin(confidence[rows], correct[rows], low=float(confidence[rows].min()), high=float(confidence[rows].max()))
        for rows in parts
        if len(rows)
    ]


def _bin(confidence: Floats, correct: npt.NDArray[np.bool_], *, low: float, high: float) -> ReliabilityBin:
    return ReliabilityBin(
        low=low,
        high=high,
        count=len(confidence),
        confidence=float(confidence.mean()),
        accuracy=float(correct.mean()),
    )


def calibration_error(curve: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error, 0..1: the mean distance of confidence and accuracy over the bins, weighed by their
    answers."""
    answers = sum(point.count for point in curve)
    error = 0.0
    for point in curve:
        error += point.count / answers * abs(point.confidence - point.accuracy)
    return error


def expected_calibration_error(probabilities: Floats, labels: Ints, *, bins: int = 15) -> float:
    """probabilities (N, K), labels (N,) from 0 -> that of the most probable class over bins of equal width, 15 of them
    as in the paper."""
    return calibration_error(equal_width_bins(*most_probable(probabilities, labels), bins=bins))
