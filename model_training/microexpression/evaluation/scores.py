"""UF1 and UAR over the pooled predictions of clips, their intervals by subject, and calibration by other subjects.

Both scores come from the confusion matrix of all folds together (MEGC2019); metrics.classification says how a class
that does not occur counts. Everywhere: probabilities (N, classes); predicted, truth, labels (N,) class indices from 0;
subjects, datasets (N,) names.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from model_training.metrics.classification import confusion_matrix, macro_f1, macro_recall
from model_training.metrics.intervals import intervals_by_person, paired_difference
from model_training.metrics.temperature import temperature_of_probabilities, tempered

REPEATS = 2000


class Clips(TypedDict):
    """What the predictions of a composite's clips are judged by: the arguments of both functions below that are not the
    predictions."""

    truth: np.ndarray
    datasets: np.ndarray
    classes: int


def scores_of(matrix: np.ndarray) -> dict[str, float]:
    """(classes, classes) counts, rows = truth -> uf1, uar."""
    return {"uf1": macro_f1(matrix), "uar": macro_recall(matrix)}


def parts_of(datasets: np.ndarray) -> dict[str, np.ndarray]:
    """Masks (N,) of the whole composite ('full') and of each data set in it."""
    names = sorted(set(datasets.tolist()))
    return {"full": np.ones(len(datasets), bool), **{name: datasets == name for name in names}}


def composite_confusion(
    *, truth: np.ndarray, predicted: np.ndarray, datasets: np.ndarray, classes: int
) -> dict[str, np.ndarray]:
    """(classes, classes) counts, rows = truth, of each of `parts_of`."""
    return {
        name: confusion_matrix(truth=truth[rows], predicted=predicted[rows], classes=classes)
        for name, rows in parts_of(datasets).items()
    }


def composite_scores(
    *, truth: np.ndarray, predicted: np.ndarray, datasets: np.ndarray, classes: int
) -> dict[str, dict[str, float]]:
    """uf1, uar and the number of clips of each of `parts_of`."""
    matrices = composite_confusion(truth=truth, predicted=predicted, datasets=datasets, classes=classes)
    return {name: {**scores_of(matrix), "clips": int(matrix.sum())} for name, matrix in matrices.items()}


def intervals_by_subject(
    *, truth: np.ndarray, predicted: np.ndarray, subjects: np.ndarray, classes: int, repeats: int = REPEATS
) -> dict[str, list[float]]:
    """95 % intervals [low, high] of uf1 and uar when whole subjects are drawn with replacement."""

    def figures(rows: np.ndarray) -> dict[str, float]:
        return scores_of(confusion_matrix(truth=truth[rows], predicted=predicted[rows], classes=classes))

    bounds = intervals_by_person(subjects, figures, repeats=repeats, fewest_people=1)
    return {name: list(low_high) for name, low_high in bounds.items()}


def uf1_difference(
    *, truth: np.ndarray, first: np.ndarray, second: np.ndarray, subjects: np.ndarray, classes: int
) -> dict[str, float]:
    """UF1 of the predictions `second` - that of `first` on the same clips: difference, and its 95 % interval by subject
    as low and high."""

    def uf1(predicted: np.ndarray, rows: np.ndarray) -> float:
        return macro_f1(confusion_matrix(truth=truth[rows], predicted=predicted[rows], classes=classes))

    difference, low, high = paired_difference(
        subjects, lambda rows: uf1(first, rows), lambda rows: uf1(second, rows), repeats=REPEATS
    )
    return {"difference": difference, "low": low, "high": high}


def calibrated_by_others(
    probabilities: np.ndarray, labels: np.ndarray, subjects: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Every subject's probabilities with the temperature that fits all OTHER subjects -> (N, classes), temperatures
    (subjects,)."""
    names = sorted(set(subjects.tolist()))
    result, temperatures = np.empty_like(probabilities), np.zeros(len(names))
    for number, name in enumerate(names):
        own = subjects == name
        temperatures[number] = temperature_of_probabilities(probabilities[~own], labels[~own])
        result[own] = tempered(probabilities[own], temperatures[number])
    return result, temperatures


def right_by_subject(
    *, truth: np.ndarray, predicted: np.ndarray, subjects: np.ndarray, name: str
) -> list[dict[str, str | int]]:
    """One row a subject, by name: subject, clips and, as `name`, how many of them are right."""
    return [
        {
            "subject": subject,
            "clips": int((subjects == subject).sum()),
            name: int((predicted == truth)[subjects == subject].sum()),
        }
        for subject in sorted(set(subjects.tolist()))
    ]
