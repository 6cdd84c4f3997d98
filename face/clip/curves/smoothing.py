"""Measures over time -> smooth values and velocities.

A parabola through seven pictures around each moment (Savitzky and Golay, Anal. Chem. 36:1627, 1964), fitted to the
times that the pictures have: clips of telephones have no steady rate.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_HALF_WINDOW = 3


def smooth(times_s: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """times_s: (N,), ascending. values: (N, ...), NaN where nothing was seen. Returns values and their change per
    second, of the same shape; NaN where there was NaN, or where fewer than three pictures around it have a value.

    Raises:
        ValueError: times that do not ascend, or another count of values.
    """
    times_s, values = np.asarray(times_s, np.float64), np.asarray(values, np.float64)
    if times_s.ndim != 1 or len(values) != len(times_s) or (np.diff(times_s) <= 0).any():
        raise ValueError(f"times must ascend, one for each value; got {times_s.shape} and {values.shape}")
    flat = values.reshape(len(values), -1)
    smoothed, speed = np.full_like(flat, np.nan), np.full_like(flat, np.nan)
    for at in range(len(times_s)):
        window = slice(max(0, at - _HALF_WINDOW), at + _HALF_WINDOW + 1)
        since = times_s[window] - times_s[at]
        for column in range(flat.shape[1]):
            seen = flat[window, column]
            known = np.isfinite(seen)
            if np.isfinite(flat[at, column]) and known.sum() >= 3:
                design = np.vander(since[known], 3, increasing=True)
                smoothed[at, column], speed[at, column] = np.linalg.lstsq(design, seen[known], rcond=None)[0][:2]
    return smoothed.reshape(values.shape), speed.reshape(values.shape)


def stretches(over: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(N,) -> the first and the last place of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], over, [False]]).astype(np.int8)))
    return [(int(first), int(after) - 1) for first, after in edges.reshape(-1, 2)]
