"""The openings of both eyes over time -> blinks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face.clip.curves.smoothing import FloatArray, stretches

# A blink begins where the better eye has closed by this share of its opening at rest, and is over below it.
_BEGINS = 0.25
_LONGEST_S = 0.4
# A complete one: an absolute zero would call most of all blinks incomplete, since landmarks never close an eye fully.
_COMPLETE = 0.8


@dataclass(frozen=True)
class Blink:
    """time_s: where the better eye is closed most. left, right: by which share of its opening at rest each eye closes,
    of the patient's."""

    time_s: float
    duration_s: float
    left: float
    right: float

    def is_complete(self) -> tuple[bool, bool]:
        """(left, right)."""
        return self.left >= _COMPLETE, self.right >= _COMPLETE


def find_blinks(times_s: FloatArray, *, left: FloatArray, right: FloatArray) -> list[Blink]:
    """left, right: (N,) opening of each eye as a share of its opening at rest; NaN where not seen. Not smoothed: a
    blink lasts three to ten pictures. Closures of 0.4 s and more are none.

    Raises ValueError where the counts differ.
    """
    if not len(times_s) == len(left) == len(right):
        raise ValueError(f"one opening a time is needed, got {len(times_s)}, {len(left)} and {len(right)}")
    closed = 1 - np.stack([left, right])
    closed = np.where(np.isfinite(closed), closed, 0.0)
    better = closed.max(axis=0)
    blinks = []
    for first, last in stretches(better > _BEGINS):
        if first == 0 or last == len(times_s) - 1:
            continue  # begun before the clip, or not over at its end
        # From half way before its first picture to half way after its last.
        duration = float(times_s[last + 1] + times_s[last] - times_s[first] - times_s[first - 1]) / 2
        if duration < _LONGEST_S:
            inside = slice(first, last + 1)
            blinks.append(
                Blink(
                    time_s=float(times_s[first + int(better[inside].argmax())]),
                    duration_s=duration,
                    left=float(closed[0, inside].max()),
                    right=float(closed[1, inside].max()),
                )
            )
    return blinks
