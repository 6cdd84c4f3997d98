"""How much of the healthy half's movement the affected half makes, picture by picture against rest, and by region.

A share is free of the scale. Movement is counted along the healthy half's own path, mirrored: a weak corner of the
mouth that is dragged over by the other side moves, but not of itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from face.palsy.assessment.evidence import POSES_OF_REGION
from face.palsy.assessment.fitted import FittedNumbers
from face.palsy.assessment.measuring.halves import Half
from face.palsy.assessment.measuring.movement import BROW_UP_MM, CLOSURE, CORNER_MM, SNARL_MM
from face.palsy.assessment.measuring.picture import Measured
from face.vocabulary import REGIONS, Pose, Region, Side

HIGHEST_SHARE = 1.2
# Narrowest movement of one corner in a pucker that says anything, in millimetres.
_PUCKER_MM = 1.0


@dataclass(frozen=True)
class Share:
    """value: 0 .. 1.2, of the movement that the healthy half makes. interval: two standard uncertainties each way.
    over_active: the affected half moves more than 1.2 times as much, and the value was clipped."""

    value: float
    interval: tuple[float, float]
    over_active: bool
    poses: tuple[Pose, ...]


def pose_share(
    pose: Pose,
    picture: Measured,
    rest: Measured,
    affected: Side,
    *,
    mm_per_unit: float,
    numbers: FittedNumbers,
) -> Share | None:
    """None where the healthy half moves too little to compare with, and for rest."""
    (a_now, h_now), (a_before, h_before) = (p.halves.affected_first(affected) for p in (picture, rest))
    measured = _path(pose, (a_now, a_before), (h_now, h_before), mm_per_unit=mm_per_unit)
    if measured is None:
        return None
    a, h, least, error = measured
    if h < least:
        return None
    u = numbers.measures[error].u * numbers.measures[error].slope
    return _share(a / h, u * math.hypot(1, a / h) / h, (pose,))


def _path(
    pose: Pose, a: tuple[Half, Half], h: tuple[Half, Half], *, mm_per_unit: float
) -> tuple[float, float, float, str] | None:
    """(movement of the affected half, of the healthy half, the least of the latter, name of the measure's error)."""
    if pose == "brow_lift":
        rises = [mm_per_unit * (now.brow_height - before.brow_height) for now, before in (a, h)]
        return rises[0], rises[1], BROW_UP_MM, "brow_excursion"
    if pose in POSES_OF_REGION["eye"]:
        closures = [1 - now.fissure / before.fissure for now, before in (a, h)]
        return closures[0], closures[1], CLOSURE, "closure"
    if pose == "snarl":
        rises = [
            mm_per_unit * (before.upper_lip[1] - now.upper_lip[1] + before.ala[1] - now.ala[1])
            for now, before in (a, h)
        ]
        return rises[0], rises[1], SNARL_MM, "upper_lip_rise"
    if pose in (*POSES_OF_REGION["mouth"], "pucker"):
        (ax, ay), (hx, hy) = (
            (now.commissure[0] - before.commissure[0], now.commissure[1] - before.commissure[1])
            for now, before in (a, h)
        )
        length = math.hypot(hx, hy)
        along = (ax * hx + ay * hy) / length if length else 0.0
        least = CORNER_MM / 2 if pose != "pucker" else _PUCKER_MM
        return mm_per_unit * along, mm_per_unit * length, least, "commissure_excursion"
    return None


def _share(value: float, u: float, poses: tuple[Pose, ...]) -> Share:
    def inside(number: float) -> float:
        return min(HIGHEST_SHARE, max(0.0, number))

    return Share(
        value=inside(value),
        interval=(inside(value - 2 * u), inside(value + 2 * u)),
        over_active=value > HIGHEST_SHARE,
        poses=poses,
    )


def regional_shares(shares: Mapping[Pose, Share]) -> dict[Region, Share | None]:
    """Mean of the region's own movements; the midface is never read from a smile, nor the mouth from a pucker."""
    found: dict[Region, Share | None] = {}
    for region in REGIONS:
        own = [shares[pose] for pose in POSES_OF_REGION[region] if pose in shares]
        if not own:
            found[region] = None
            continue
        count = len(own)
        found[region] = Share(
            value=sum(share.value for share in own) / count,
            interval=(sum(share.interval[0] for share in own) / count, sum(share.interval[1] for share in own) / count),
            over_active=any(share.over_active for share in own),
            poses=tuple(pose for share in own for pose in share.poses),
        )
    return found
