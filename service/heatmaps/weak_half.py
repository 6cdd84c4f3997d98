"""The asymmetry map shows where the halves differ, alike on both; a reader looks for the weak one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from face.vocabulary import Side

# What is left of the heat on the half that the answer does not call weak.
FAINT = 0.25
# Share of the map's width over which one strength becomes the other, so that the midline is no edge.
_TRANSITION = 0.08


def towards_weak_half(values: npt.NDArray[np.float32], side: Side) -> npt.NDArray[np.float32]:
    """A map (n, n) on the mosaic with the heat of the weak half as it is and that of the other half faint.

    side: of the answer, the patient's; with `none` nothing is changed. Nothing is added: heat has a difference behind
    it, wherever it is drawn.
    """
    if side == "none":
        return values
    # The patient's left is on the right of the mosaic.
    across = (np.arange(values.shape[-1]) + 0.5) / values.shape[-1] - 0.5
    towards = across if side == "left" else -across
    share = np.clip(towards / _TRANSITION + 0.5, 0.0, 1.0)
    return np.asarray(values * (FAINT + (1 - FAINT) * share), np.float32)
