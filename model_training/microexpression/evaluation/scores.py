"""UF1 and UAR over pooled predictions, their intervals by subject, and calibration.

UF1 = unweighted mean of the per-class F1, UAR = unweighted mean of the per-class recall, both from the confusion
matrix of all folds together (MEGC2019).
A class that does not occur counts with F1 and recall 0 where it is predicted and is left out where it is neither
present nor predicted.
"""

from __future__ import annotations

import numpy as np


def confusion(predicted: np.ndarray, truth: np.ndarray, classes: int = 3) -> np.ndarray:
    """(classes, classes) counts, rows truth, columns predicted."""
    return np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def scores_of(matrix: np.ndarray) -> tuple[float, float]:
    """Confusion matrix -> (UF1, UAR)."""
    hit, truth, said = np.diag(matrix).astype(float), matrix.sum(1), matrix.sum(0)
    counted = truth + said > 0
    f1 = 2 * hit / np.maximum(truth + said, 1)
    recall = hit / np.maximum(truth, 1)
    return float(f1[counted].mean()), float(recall[counted].mean())


def composite_scores(
    predicted: np.ndarray, truth: np.ndarray, datasets: np.ndarray, classes: int = 3
) -> dict[str, dict[str, float]]:
    """UF1 and UAR of the whole composite ('full') and of each data set in it."""
    parts = {"full": np.ones(len(truth), bool), **{name: datasets == name for name in sorted(set(datasets.tolist()))}}
    result = {}
    for name, mask in parts.items():
        uf1, uar = scores_of(confusion(predicted[mask], truth[mask], classes))
        result[name] = {"uf1": uf1, "uar": uar, "clips": int(mask.sum())}
    return result


def subject_bootstrap(
    predicted: np.ndarray,
    truth: np.ndarray,
    subjects: np.ndarray,
    *,
    classes: int = 3,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, list[float]]:
    """95 % percentile intervals of UF1 and UAR when whole subjects are drawn with replacement: {'uf1': [low, high],
    'uar': [low, high]}."""
    names = sorted(set(subjects.tolist()))
    each = np.stack([confusion(predicted[subjects == name], truth[subjects == name], classes) for name in names])
    rng = np.random.default_rng(seed)
    drawn = np.array([scores_of(each[rng.integers(0, len(names), len(names))].sum(0)) for _ in range(draws)])
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    return {"uf1": [float(low[0]), float(high[0])], "uar": [float(low[1]), float(high[1])]}


def paired_bootstrap(
    first: np.ndarray,
    second: np.ndarray,
    truth: np.ndarray,
    subjects: np.ndarray,
    *,
    classes: int = 3,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, float]:
    """Difference in UF1 of two systems on the same clips (second - first) with its 95 % interval by subject."""
    names = sorted(set(subjects.tolist()))
    masks = [subjects == name for name in names]
    a = np.stack([confusion(first[mask], truth[mask], classes) for mask in masks])
    b = np.stack([confusion(second[mask], truth[mask], classes) for mask in masks])
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        chosen = rng.integers(0, len(names), len(names))
        drawn.append(scores_of(b[chosen].sum(0))[0] - scores_of(a[chosen].sum(0))[0])
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {"difference": scores_of(b.sum(0))[0] - scores_of(a.sum(0))[0], "low": float(low), "high": float(high)}


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities with their logarithms divided by the temperature."""
    sharpened = np.maximum(probabilities, 1e-12) ** (1 / temperature)
    return sharpened / sharpened.sum(-1, keepdims=True)


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The divisor of log probabilities (N, classes) with the lowest negative log-likelihood, by golden section over
    0.2..5."""
    logits = np.log(np.maximum(probabilities, 1e-12))

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        scaled = scaled - scaled.max(1, keepdims=True)
        return float(-(scaled[np.arange(len(labels)), labels] - np.log(np.exp(scaled).sum(1))).mean())

    low, high, ratio = np.log(0.2), np.log(5.0), (np.sqrt(5) - 1) / 2
    for _ in range(50):
        first, second = high - ratio * (high - low), low + ratio * (high - low)
        if loss(first) < loss(second):
            high = second
        else:
            low = first
    return float(np.exp((low + high) / 2))


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the most probable class, equal-width bins."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(
        sum(
            abs(confidence[place == b].mean() - right[place == b].mean()) * (place == b).mean()
            for b in range(bins)
            if (place == b).any()
        )
    )


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = 5) -> list[dict[str, float]]:
    """The points of a reliability diagram, bins of equally many clips: {'confidence', 'accuracy', 'clips'} each."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    return [
        {
            "confidence": float(confidence[chosen].mean()),
            "accuracy": float(right[chosen].mean()),
            "clips": len(chosen),
        }
        for chosen in np.array_split(np.argsort(confidence, kind="stable"), bins)
        if len(chosen)
    ]


def calibrated_by_others(
    probabilities: np.ndarray, labels: np.ndarray, subjects: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Every subject's probabilities with the temperature that fits all OTHER subjects -> (N, classes), temperatures
    (S,)."""
    names = sorted(set(subjects.tolist()))
    result, temperatures = np.empty_like(probabilities), np.zeros(len(names))
    for number, name in enumerate(names):
        own = subjects == name
        temperatures[number] = fit_temperature(probabilities[~own], labels[~own])
        result[own] = tempered(probabilities[own], temperatures[number])
    return result, temperatures
