"""Logits -> probabilities, in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]


def sigmoid(logits: FloatArray) -> npt.NDArray[np.float64]:
    """Logistic function that neither overflows nor loses small values."""
    x = np.asarray(logits, dtype=np.float64)
    return np.exp(-np.logaddexp(0.0, -x))


def softmax(logits: FloatArray) -> npt.NDArray[np.float64]:
    """Softmax over the last axis."""
    x = np.asarray(logits, dtype=np.float64)
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(x / x.sum(axis=-1, keepdims=True))
