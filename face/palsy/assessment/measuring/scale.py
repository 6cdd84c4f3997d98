"""How many millimetres the unit of the canonical frame is: one number for a whole examination.

The iris is the ruler. Its ring, as the landmark network draws it, is wider than the anatomical iris of 11.7 mm: on 126
official portraits it is .2034 of the distance of the eye centres, which anthropometry puts at 62.3 mm and more, so the
ring's width is 12.7 mm, give or take 6 %. Who knows the distance of the pupils, as opticians do, gets a better scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Literal

from face.palsy.assessment.measuring.halves import Halves
from face.palsy.assessment.measuring.picture import SessionPicture
from face.vocabulary import POSES, Pose

IRIS_RING_MM = 12.7
# Distance of the eye centres in adults, where no picture shows the irises: good enough to see whether something moves.
NOMINAL_MM_PER_UNIT = 63.0
IRIS_RELATIVE_U = 0.06
PUPIL_RELATIVE_U = 0.015
# An iris is measured in an eye that is open by more than this share of the ring, in a head turned no further than this.
_OPEN_SHARE, _STRAIGHT_DEG = 0.6, 10.0
# Widths of the two rings differ by less than this share where both are seen.
_ALIKE = 0.15


@dataclass(frozen=True)
class Scale:
    """mm_per_unit: of the canonical frame. mm_per_iod: distance of this person's eye centres in millimetres.
    relative_u: standard uncertainty of both. pictures: those that it was taken from."""

    mm_per_unit: float
    mm_per_iod: float
    relative_u: float
    source: Literal["iris", "pupil_distance"]
    pictures: tuple[Pose, ...]


def session_scale(pictures: Mapping[Pose, SessionPicture], *, pupil_distance_mm: float | None) -> Scale | None:
    """None where no picture shows both irises straight."""
    straight = {pose: pictures[pose] for pose in POSES if pose in pictures and _shows_both_irises(pictures[pose])}
    if not straight:
        return None
    if pupil_distance_mm is None:
        ring = median((p.halves.left.iris + p.halves.right.iris) / 2 for p in straight.values())
        k, u, source = IRIS_RING_MM / ring, IRIS_RELATIVE_U, "iris"
    else:
        between = median(p.halves.pupil_distance for p in straight.values())
        k, u, source = pupil_distance_mm / between, PUPIL_RELATIVE_U, "pupil_distance"
    eye_distance = median(p.halves.eye_distance for p in pictures.values())
    return Scale(
        mm_per_unit=k,
        mm_per_iod=k * eye_distance,
        relative_u=u,
        source="iris" if source == "iris" else "pupil_distance",
        pictures=tuple(straight),
    )


def mm_per_unit_by_iris(pictures: Iterable[Halves]) -> float | None:
    """Of pictures of which only the measures are known; None where no one shows both eyes open."""
    rings = [
        (one.left.iris + one.right.iris) / 2
        for one in pictures
        if min(one.left.fissure, one.right.fissure) > _OPEN_SHARE * (one.left.iris + one.right.iris) / 2
    ]
    return IRIS_RING_MM / median(rings) if rings else None


def _shows_both_irises(picture: SessionPicture) -> bool:
    left, right = picture.halves.left, picture.halves.right
    ring = (left.iris + right.iris) / 2
    return (
        abs(picture.yaw_deg) <= _STRAIGHT_DEG
        and min(left.fissure, right.fissure) > _OPEN_SHARE * ring
        and math.isclose(left.iris, right.iris, rel_tol=_ALIKE)
    )
