"""Calibration on held-out people: temperatures, and the conformal threshold of the prediction sets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from face.palsy.decoding import PalsyCalibration, grade_probabilities, inclusion_scores
from face.probability import softmax

Floats = npt.NDArray[np.floating]


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
    grade_temperature = _temperature(
        lambda t: (
            -np.log(
                np.clip(grade_probabilities(grade_logits, temperature=t)[np.arange(len(labels)), labels], 1e-9, 1)
            ).mean()
        )
    )
    known = sides >= 0
    side_temperature = 1.0
    if known.any():
        side_temperature = _temperature(
            lambda t: (
                -np.log(np.clip(softmax(side_logits[known] / t)[np.arange(known.sum()), sides[known]], 1e-9, 1)).mean()
            )
        )
    scores = inclusion_scores(grade_probabilities(grade_logits, temperature=grade_temperature))[
        np.arange(len(labels)), labels
    ]
    level = min(1.0, np.ceil((len(scores) + 1) * coverage) / len(scores))
    threshold = float(np.quantile(scores, level, method="higher"))
    return PalsyCalibration(
        grade_temperature=grade_temperature,
        side_temperature=side_temperature,
        conformal_threshold=threshold,
        coverage=coverage,
    )


def _temperature(loss) -> float:
    found = minimize_scalar(
        lambda log_t: loss(float(np.exp(log_t))), bounds=(np.log(0.2), np.log(5.0)), method="bounded"
    )
    return float(np.exp(found.x))
