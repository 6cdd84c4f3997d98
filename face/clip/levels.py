"""How strongly each kind of movement is seen in one picture, in thresholds at which it counts as seen."""

from __future__ import annotations

import numpy as np

from face.clip.curves.smoothing import FloatArray
from face.palsy.assessment.measuring.movement import (
    BROW_UP_MM,
    CLOSURE,
    CORNER_MM,
    NARROWER,
    SNARL_MM,
    Activation,
    same_movement,
)
from face.vocabulary import Pose

# Of each kind of movement one pose, in the order of `levels`.
_KINDS: tuple[Pose, ...] = ("brow_lift", "gentle_closure", "full_smile", "snarl", "pucker")
_OF_MOUTH = np.array([False, False, True, True, True])


def levels(seen: Activation | None) -> FloatArray:
    """(K,): each kind of movement; NaN where no face was seen."""
    if seen is None:
        return np.full(len(_KINDS), np.nan)
    return np.array(
        [
            seen.brow_up / BROW_UP_MM,
            seen.closure / CLOSURE,
            seen.corner / CORNER_MM,
            (seen.upper_lip + max(0.0, seen.ala)) / SNARL_MM,
            -seen.wider / NARROWER,
        ]
    )


def without_mouth(seen: FloatArray) -> FloatArray:
    """`levels` of somebody who talks: what the mouth does then is no movement."""
    return np.where(_OF_MOUTH, 0.0, seen)


def is_of_mouth(pose: Pose) -> bool:
    return any(same_movement(kind, pose) for kind, mouth in zip(_KINDS, _OF_MOUTH, strict=True) if mouth)


def level_of(pose: Pose, seen: Activation | None) -> float:
    """That of one movement."""
    kind = next(place for place, one in enumerate(_KINDS) if same_movement(one, pose))
    return float(levels(seen)[kind])
