"""The pictures of a clip in which the face is at rest.

Nobody says when. A face at rest is still, and an examination comes back to it between all movements: of the still
pictures, rest is the state that most of them share.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from face.clip.curves.smoothing import FloatArray, smooth, stretches

# Of all pictures, the share that is taken for rest.
_SHARE = 0.2
# States that differ by less than this, in thresholds of a seen movement, are the same.
_SAME_STATE = 0.3
# A movement turns round in less.
_LEAST_S = 0.3


def find_rest(times_s: FloatArray, measures: FloatArray) -> npt.NDArray[np.bool_] | None:
    """times_s: (N,). measures: (N, K) of both sides, each in units of the change at which a movement counts as seen;
    NaN where no face was seen. Returns (N,), True for the pictures at rest; None where the face never stays in one
    state for 0.3 s on end.

    Raises ValueError as `smooth`.
    """
    smoothed, speed = smooth(times_s, measures)
    seen = np.isfinite(smoothed).all(axis=1)
    if seen.sum() < 3:
        return None
    fastest = np.abs(speed).max(axis=1, where=np.isfinite(speed), initial=0.0)
    still = np.flatnonzero(seen & (fastest <= np.median(fastest[seen])))
    apart = np.abs(smoothed[still, None] - smoothed[None, still]).max(axis=2)
    shares = (apart <= _SAME_STATE).sum(axis=1)
    centre = np.median(smoothed[still[apart[shares.argmax()] <= _SAME_STATE]], axis=0)
    distance = np.abs(smoothed - centre).max(axis=1)
    near = distance <= _SAME_STATE  # which what was not seen is not
    if max((times_s[last] - times_s[first] for first, last in stretches(near)), default=0.0) < _LEAST_S:
        return None
    nearest = still[np.argsort(distance[still], kind="stable")][: max(3, round(_SHARE * seen.sum()))]
    at_rest = np.zeros(len(times_s), dtype=np.bool_)
    at_rest[nearest[near[nearest]]] = True
    return at_rest
