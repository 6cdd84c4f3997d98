"""How far the lips are apart over time -> where somebody talks.

A movement that was asked for parts the lips once, or not at all, and is held. Who talks parts them anew with every
syllable, three to seven times a second.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from face.clip.curves.smoothing import FloatArray, smooth, stretches
from face.swings import swings

# A syllable parts the lips, or closes them, by this much.
_SYLLABLE_MM = 1.0
# From one turn of the lips to the next: a movement that is made and taken back lasts longer.
_LONGEST_S = 0.4
# Two syllables.
_FEWEST_TURNS = 4
# Who pauses for less goes on talking; before the first turn and after the last one lies half a syllable.
_PAUSE_S, _EDGE_S = 1.0, 0.2


def find_talk(times_s: FloatArray, lips_apart_mm: FloatArray) -> npt.NDArray[np.bool_]:
    """times_s, lips_apart_mm: (N,); NaN where no face was seen. Returns (N,), True where somebody talks.

    Raises ValueError as `smooth`.
    """
    smoothed, _ = smooth(times_s, lips_apart_mm)
    known = np.flatnonzero(np.isfinite(smoothed))
    # Where one swing ends and the next begins.
    turns = times_s[known[swings(smoothed[known].tolist(), least=_SYLLABLE_MM)[1:]]]
    talks = np.zeros(len(times_s), dtype=np.bool_)
    last_end = -np.inf
    for first, last in stretches(np.diff(turns) <= _LONGEST_S):
        if last - first + 2 < _FEWEST_TURNS:
            continue
        start, end = turns[first] - _EDGE_S, turns[last + 1] + _EDGE_S
        talks |= (times_s >= (last_end if start - last_end < _PAUSE_S else start)) & (times_s <= end)
        last_end = end
    return talks
