"""Counts of right and wrong answers, and the figures that are functions of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.floating[Any]]


def confusion_matrix(*, truth: Ints, predicted: Ints, classes: int) -> npt.NDArray[np.int64]:
    """truth, predicted: (N,) class indices from 0 -> (classes, classes) counts, [true class, predicted class].

    IndexError for an index of `classes` or more.
    """
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (truth, predicted), 1)
    return matrix


def quadratic_weighted_kappa(truth: Ints, predicted: Ints, *, classes: int) -> float:
    """truth, predicted: (N,) ordered classes from 0 -> agreement beyond chance, 1 at best.

    Cohen's kappa with quadratic weights (Cohen, Psychological Bulletin 70, 1968); the same with both exchanged. 0 where
    truth and prediction are one and the same constant.
    """
    observed = confusion_matrix(truth=truth, predicted=predicted, classes=classes).astype(np.float64)
    weights = (np.arange(classes)[:, None] - np.arange(classes)) ** 2
    expected = np.outer(observed.sum(1), observed.sum(0)) / max(observed.sum(), 1)
    chance = (weights * expected).sum()
    return float(1 - (weights * observed).sum() / chance) if chance > 0 else 0.0


def per_class_recall(matrix: Ints) -> Floats:
    """(K, K) counts, rows = truth -> (K,) share of each true class that is right, NaN for a class without a sample."""
    totals = matrix.sum(1)
    return np.where(totals > 0, np.diag(matrix) / np.maximum(totals, 1), np.nan)


def macro_f1(matrix: Ints) -> float:
    """(K, K) counts, rows = truth -> UF1, the unweighted mean F1 of the classes that occur in truth or prediction.

    Of one matrix over all folds together it is the UF1 of the micro-expression challenge (MEGC2019: See et al., FG
    2019). A class that is predicted but does not occur counts with 0.
    """
    support = matrix.sum(0) + matrix.sum(1)
    f1 = 2 * np.diag(matrix) / np.maximum(support, 1)
    return float(f1[support > 0].mean())


def macro_recall(matrix: Ints, *, predicted_only_counts: bool = True) -> float:
    """(K, K) counts, rows = truth -> UAR, the unweighted mean recall of the classes that occur.

    predicted_only_counts: a class that is predicted but does not occur counts with 0, as in `macro_f1`; otherwise it is
    left out, as a recall that is not defined.
    """
    recall = per_class_recall(matrix)
    if not predicted_only_counts:
        return float(np.nanmean(recall))
    return float(np.nan_to_num(recall)[matrix.sum(0) + matrix.sum(1) > 0].mean())
