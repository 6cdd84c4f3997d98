"""One picture of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Frame:
    """index: place among the pictures of the clip, from 0. time_s: from the clip's first. rgb: (H, W, 3) uint8,
    upright, reduced."""

    index: int
    time_s: float
    rgb: npt.NDArray[np.uint8]
