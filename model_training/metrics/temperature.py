"""Temperatures: one number that divides logits, so that probabilities say how often they are right.

Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar

from face.probability import softmax
from model_training.metrics.classification import Floats, Ints

LOWEST, HIGHEST = 0.2, 5.0
# Of a probability before its logarithm is taken.
_FLOOR = 1e-12


def fit_temperature(loss: Callable[[float], float], *, tolerance: float = 1e-5) -> float:
    """loss(temperature), with one minimum -> the temperature in LOWEST..HIGHEST at which it is lowest.

    Brent's method on the logarithm of the temperature, to `tolerance` (absolute, of the logarithm).
    """
    found = minimize_scalar(
        lambda log_temperature: loss(float(np.exp(log_temperature))),
        bounds=(np.log(LOWEST), np.log(HIGHEST)),
        method="bounded",
        options={"xatol": tolerance},
    )
    return float(np.exp(found.x))


def negative_log_likelihood(probabilities: Floats, labels: Ints, *, floor: float = 1e-9) -> float:
    """probabilities (N, K), labels (N,) from 0 -> mean of -log of the true class's probability, in nats, which counts
    as at least `floor`: one answer that is sure and wrong must not decide alone."""
    picked = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(picked, floor, 1)).mean())


def temperature_of_probabilities(probabilities: Floats, labels: Ints) -> float:
    """probabilities (N, K), such as the mean of several networks', labels (N,) from 0 -> the divisor of their
    logarithms with the lowest negative log-likelihood."""
    logits = np.log(np.maximum(probabilities, _FLOOR)).astype(np.float64)
    return fit_temperature(
        # No floor but that of the logarithm: `tempered` has none either.
        lambda t: negative_log_likelihood(softmax(logits / t), labels, floor=np.finfo(np.float64).tiny),
        tolerance=1e-10,
    )


def tempered(probabilities: Floats, temperature: float) -> Floats:
    """(..., K) probabilities -> the same with their logarithms divided by the temperature, summing to 1."""
    sharpened: Floats = np.maximum(probabilities, _FLOOR) ** (1 / temperature)
    return np.asarray(sharpened / sharpened.sum(-1, keepdims=True))
