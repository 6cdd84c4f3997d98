"""How a movement runs on each side: how far, how fast, how long, and how far one side lags behind the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face.clip.curves.smoothing import FloatArray, smooth

_RISE_FROM, _RISE_TO, _HELD = 0.1, 0.9, 0.9
_MOST_LAG_S = 0.5


@dataclass(frozen=True)
class SideDynamics:
    """excursion: largest distance from rest, in the curve's unit. peak_velocity: the largest change per second on the
    way there. rise_s: from a tenth to nine tenths of the excursion. hold_s: above nine tenths."""

    excursion: float
    peak_velocity: float
    rise_s: float
    hold_s: float


@dataclass(frozen=True)
class SidesCompared:
    """lag_s: how much later the affected side moves, negative where earlier. correlation: of both curves then."""

    lag_s: float
    correlation: float


def side_dynamics(times_s: FloatArray, curve: FloatArray) -> SideDynamics | None:
    """curve: (N,) one side's distance from rest over one movement. None where the side does not move away from rest, or
    was hardly seen.

    Raises ValueError as `smooth`.
    """
    smoothed, speed = smooth(times_s, curve)
    if np.isfinite(smoothed).sum() < 3:
        return None
    apex = int(np.nanargmax(smoothed))
    excursion = float(smoothed[apex])
    if excursion <= 0:
        return None
    before = slice(0, apex + 1)
    start = _crossing(times_s[before], smoothed[before], _RISE_FROM * excursion)
    full = _crossing(times_s[before], smoothed[before], _RISE_TO * excursion)
    steps = np.gradient(times_s) if len(times_s) > 1 else np.zeros(1)
    return SideDynamics(
        excursion=excursion,
        peak_velocity=float(np.nanmax(speed[before])),
        rise_s=full - start,
        hold_s=float(steps[np.nan_to_num(smoothed, nan=-np.inf) >= _HELD * excursion].sum()),
    )


def compare_sides(times_s: FloatArray, *, affected: FloatArray, healthy: FloatArray) -> SidesCompared | None:
    """Both (N,) distances from rest over one movement. None where one of them hardly moves or was hardly seen.

    The lag of the highest cross-correlation of at most half a second, to a fraction of a picture by a parabola through
    the three values around it.
    """
    known = np.isfinite(affected) & np.isfinite(healthy)
    if known.sum() < 8:
        return None
    step = float(np.median(np.diff(times_s)))
    grid = np.arange(times_s[0], times_s[-1] + step / 2, step)
    late, early = (np.interp(grid, times_s[known], curve[known]) for curve in (affected, healthy))
    most = min(round(_MOST_LAG_S / step), len(grid) // 2)
    lags = np.arange(-most, most + 1)
    correlations = np.array([_correlation(late, early, int(lag)) for lag in lags])
    if not np.isfinite(correlations).any():
        return None
    best = int(np.nanargmax(correlations))
    fraction = 0.0
    if 0 < best < len(lags) - 1:
        left, middle, right = correlations[best - 1 : best + 2]
        bend = left - 2 * middle + right
        fraction = float(0.5 * (left - right) / bend) if bend < 0 else 0.0
    return SidesCompared(lag_s=(float(lags[best]) + fraction) * step, correlation=float(correlations[best]))


def _correlation(late: FloatArray, early: FloatArray, lag: int) -> float:
    a, b = (late[lag:], early[: len(early) - lag]) if lag >= 0 else (late[:lag], early[-lag:])
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / size if size > 0 else np.nan


def _crossing(times_s: FloatArray, rising: FloatArray, level: float) -> float:
    """When the curve last rose over `level`, between two pictures."""
    below = np.flatnonzero(rising < level)
    if not len(below):
        return float(times_s[0])
    at = int(below[-1])
    share = (level - rising[at]) / (rising[at + 1] - rising[at])
    return float(times_s[at] + share * (times_s[at + 1] - times_s[at]))
