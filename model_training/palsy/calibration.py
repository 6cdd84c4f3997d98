"""Calibration on held-out people: temperatures, and the conformal threshold of the prediction sets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from face.palsy.decoding import PalsyCalibration, grade_probabilities, inclusion_scores
from face.probability import softmax
from model_training.metrics.classification import Floats
from model_training.metrics.temperature import fit_temperature, negative_log_likelihood


def fit_palsy_calibration(
    *,
    grade_logits: Floats,
    labels: npt.NDArray[np.int64],
    side_logits: Floats,
    sides: npt.NDArray[np.int64],
    coverage: float = 0.9,
) -> PalsyCalibration:
    """grade_logits (N, K-1), labels (N,) from 0, side_logits (N, 3), sides (N,) index or -1 where unknown.

    Temperatures minimise the negative log-likelihood; the threshold is the finite-sample conformal quantile of the true
    classes' inclusion scores.
    """
    grade_temperature = fit_temperature(
        lambda t: negative_log_likelihood(grade_probabilities(grade_logits, temperature=t), labels)
    )
    known = sides >= 0
    side_temperature = 1.0
    if known.any():
        side_temperature = fit_temperature(
            lambda t: negative_log_likelihood(softmax(side_logits[known] / t), sides[known])
        )
    scores = inclusion_scores(grade_probabilities(grade_logits, temperature=grade_temperature))[
        np.arange(len(labels)), labels
    ]
    return PalsyCalibration(
        grade_temperature=grade_temperature,
        side_temperature=side_temperature,
        conformal_threshold=conformal_quantile(scores, coverage=coverage),
        coverage=coverage,
    )


def conformal_quantile(scores: Floats, *, coverage: float) -> float:
    """(N,) inclusion scores of the true classes -> the threshold of their prediction sets, with the finite-sample
    correction."""
    level = min(1.0, np.ceil((len(scores) + 1) * coverage) / len(scores))
    return float(np.quantile(scores, level, method="higher"))
