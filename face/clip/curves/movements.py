"""Activation over time -> the movements of a clip, one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from face.clip.curves.smoothing import FloatArray, smooth, stretches

# In thresholds at which a movement counts as seen: where one begins and where it is over.
_ON, _OFF = 0.5, 0.3
_SHORTEST_S, _LONGEST_GAP_S = 0.4, 0.25
# Between two movements the face may stay a little off what was found to be rest: a valley this far below the lower of
# its two peaks parts them too.
_VALLEY = 0.35


@dataclass(frozen=True)
class Movement:
    """channel: what moves most. start_s, end_s: where it leaves rest and comes back. apex_s: the time of the picture in
    which it is largest, and apex its place. strength: there, in thresholds at which the movement counts as seen."""

    channel: str
    start_s: float
    apex_s: float
    end_s: float
    apex: int
    strength: float

    @property
    def is_seen(self) -> bool:
        return self.strength >= 1


def find_movements(times_s: FloatArray, activation: Mapping[str, FloatArray]) -> list[Movement]:
    """activation: by channel, (N,), how far the side that moves *more* is from rest, in thresholds at which the
    movement counts as seen; NaN where no face was seen. Movements shorter than 0.4 s (blinks) are left out, and those
    with gaps under 0.25 s are one.

    Raises ValueError as `smooth`.
    """
    names = list(activation)
    smoothed, _ = smooth(times_s, np.stack([activation[name] for name in names], axis=1))
    levels = np.nan_to_num(smoothed, nan=0.0)
    found = []
    for first, last in _active(times_s, levels.max(axis=1)):
        inside = slice(first, last + 1)
        # By the mean: a blink in the midst of a smile is higher, but short.
        channel = int(levels[inside].mean(axis=0).argmax())
        apex = first + int(levels[inside, channel].argmax())
        found.append(
            Movement(
                channel=names[channel],
                start_s=float(times_s[first]),
                apex_s=float(times_s[apex]),
                end_s=float(times_s[last]),
                apex=apex,
                strength=float(levels[apex, channel]),
            )
        )
    return found


def best_repetitions(movements: Sequence[Movement]) -> dict[str, Movement]:
    """Of each channel the strongest movement that counts as seen."""
    best: dict[str, Movement] = {}
    for movement in movements:
        if movement.is_seen and (movement.channel not in best or movement.strength > best[movement.channel].strength):
            best[movement.channel] = movement
    return best


def repeatability(values: Sequence[float]) -> float | None:
    """Relative difference of the two largest repetitions of one movement, as a share of their mean; None for one.

    values: a measure at each repetition's apex.
    """
    if len(values) < 2:
        return None
    second, first = sorted(values)[-2:]
    mean = (first + second) / 2
    return (first - second) / mean if mean > 0 else None


def _active(times_s: FloatArray, level: FloatArray) -> list[tuple[int, int]]:
    """First and last pictures of the stretches over _OFF that reach _ON."""
    reached = [(a, b) for a, b in stretches(level > _OFF) if level[a : b + 1].max() > _ON]
    joined: list[tuple[int, int]] = []
    for first, last in reached:
        if joined and times_s[first] - times_s[joined[-1][1]] < _LONGEST_GAP_S:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    parted = [part for first, last in joined for part in _parted(times_s, level, first, last)]
    return [(a, b) for a, b in parted if times_s[b] - times_s[a] >= _SHORTEST_S]


def _parted(times_s: FloatArray, level: FloatArray, first: int, last: int) -> list[tuple[int, int]]:
    """The stretch without its valleys."""
    inside = level[first : last + 1]
    lower_peak = np.minimum(np.maximum.accumulate(inside), np.maximum.accumulate(inside[::-1])[::-1])
    starts, ends = [first], []
    for a, b in stretches(inside < _VALLEY * lower_peak):
        if times_s[first + b] - times_s[first + a] >= _LONGEST_GAP_S:
            ends.append(first + a - 1)
            starts.append(first + b + 1)
    return list(zip(starts, [*ends, last], strict=True))
