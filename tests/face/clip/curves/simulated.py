"""Curves of a simulated examination, with the truth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def at_rate(per_s: float, seconds: float, *, jitter: float = 0.0, seed: int = 0) -> FloatArray:
    """Times of pictures, uneven by `jitter` of the distance."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, seconds, 1 / per_s)
    return np.asarray(times + rng.uniform(-jitter, jitter, len(times)) / per_s)


def unit_movement(times_s: FloatArray, *, start_s: float, rise_s: float, hold_s: float, fall_s: float) -> FloatArray:
    """0 -> 1 -> 0 with smooth flanks (half cosines)."""
    up = ((times_s - start_s) / rise_s).clip(0, 1)
    down = ((times_s - start_s - rise_s - hold_s) / fall_s).clip(0, 1)
    return np.asarray((0.5 - 0.5 * np.cos(np.pi * up)) * (0.5 + 0.5 * np.cos(np.pi * down)))


def noise(count: int, size: float, *, seed: int) -> FloatArray:
    return np.random.default_rng(seed).normal(0, size, count)
