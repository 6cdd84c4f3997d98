"""The measures of an examination in millimetres and degrees, each with its uncertainty: never a bare number.

Lengths of raw landmarks are too short of the truth, the more the larger the movement. Where the truth is known, on
simulated people, a line through it corrects the length, and what is left is the uncertainty; `raw` is there too, since
what holds on renders may over-correct on people. A network of examinations (`session_model.py`) measures better than a
line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from face.palsy.assessment.evidence import POSES_OF_REGION
from face.palsy.assessment.fitted import FittedNumbers
from face.palsy.assessment.measuring.corrected import CorrectedPicture
from face.palsy.assessment.measuring.halves import Half, Halves
from face.palsy.assessment.measuring.picture import Measured, SessionPicture
from face.palsy.assessment.measuring.scale import Scale
from face.vocabulary import POSES, Pose

MeasureId = Literal[
    "brow_height", "fissure", "mrd1", "mrd2", "brow_excursion", "closure", "commissure_excursion", "commissure_dx",
    "commissure_dy", "smile_angle", "upper_lip_rise", "ala_rise", "pucker_excursion", "mouth_opening_area",
    "mouth_width", "philtrum_deviation", "philtrum_angle",
]  # fmt: skip
Unit = Literal["mm", "mm2", "deg", "1"]
# Beyond this turn of the head, in degrees, sideways places cannot be compared.
LATERAL_YAW_DEG = 15.0
# The correction of the head's turn leaves about a degree and a half; the mouth lies 20 mm before the turning axis.
_LATERAL_MM = 20 * math.sin(math.radians(1.5))
_LATERAL: frozenset[str] = frozenset({"commissure_dx", "pucker_excursion", "philtrum_deviation"})
# A measure is reliable if two uncertainties are less than this: half of what healthy people move, or have open.
_RELIABLE_BELOW: Mapping[str, float] = {
    "brow_height": 4.0, "fissure": 2.0, "mrd1": 1.5, "mrd2": 1.5, "brow_excursion": 4.0, "closure": 0.5,
    "commissure_excursion": 4.5, "commissure_dx": 4.5, "commissure_dy": 4.5, "smile_angle": 10.0, "upper_lip_rise": 2.0,
    "ala_rise": 2.0, "pucker_excursion": 2.5, "mouth_opening_area": 60.0, "mouth_width": 5.0, "philtrum_deviation": 2.0,
    "philtrum_angle": 5.0,
}  # fmt: skip
_OPEN_SHARE_OF_IRIS = 0.6


@dataclass(frozen=True)
class Measure:
    """side: the patient's, None for what lies between the sides. value: corrected where it could be fitted; u: standard
    uncertainty, 95 % lie within two of them. scale_free: does not depend on the scale."""

    id: MeasureId
    pose: Pose
    side: Literal["left", "right"] | None
    value: float
    raw: float
    u: float
    unit: Unit

    @property
    def scale_free(self) -> bool:
        return self.unit in ("deg", "1")

    @property
    def reliable(self) -> bool:
        return 2 * self.u < _RELIABLE_BELOW[self.id]


@dataclass(frozen=True)
class RawMeasure:
    """As the landmarks have it."""

    id: MeasureId
    side: Literal["left", "right"] | None
    value: float
    unit: Unit


def session_measures(
    pictures: Mapping[Pose, SessionPicture],
    scale: Scale,
    numbers: FittedNumbers,
    corrected: Mapping[Pose, CorrectedPicture] | None = None,
) -> list[Measure]:
    """Of every picture, in the order of POSES; what needs a rest picture is left out without one.

    corrected: the pictures as a network has them that has learned from true movements; without it a line through each
    measure corrects the landmarks.
    """
    rest = pictures.get("rest")
    corrected = corrected or {}
    better = {
        (pose, found.id, found.side): found
        for pose in corrected
        for found in raw_measures(pose, corrected[pose], corrected["rest"], scale.mm_per_unit)
    }
    found: list[Measure] = []
    for pose in POSES:
        if pose not in pictures:
            continue
        picture = pictures[pose]
        turned = abs(picture.yaw_deg) > LATERAL_YAW_DEG
        for raw in raw_measures(pose, picture, rest, scale.mm_per_unit):
            if turned and raw.id in _LATERAL:
                continue
            measured = None
            if pose in corrected and (pose, raw.id, raw.side) in better:
                measured = _by_network(better[pose, raw.id, raw.side], corrected[pose], corrected["rest"], scale)
            if measured is None:
                measured = _by_line(raw, numbers)
            found.append(_with_uncertainty(raw, *measured, pose, picture, rest, scale))
    return found


def _by_line(raw: RawMeasure, numbers: FittedNumbers) -> tuple[float, float]:
    """(value, its standard uncertainty without the scale's)."""
    error = numbers.measures[raw.id]
    return raw.value / error.slope - error.offset, error.u


def _by_network(
    found: RawMeasure, picture: CorrectedPicture, rest: CorrectedPicture, scale: Scale
) -> tuple[float, float] | None:
    """As `_by_line`; None for what the network does not measure."""
    if found.side is None:
        return None
    k, left = scale.mm_per_unit, found.side == "left"
    u, at_rest = (picture.left, rest.left) if left else (picture.right, rest.right)
    match found.id:
        case "brow_height":
            return found.value, k * (u.brow if picture is rest else math.hypot(u.brow, at_rest.brow))
        case "brow_excursion":
            return found.value, k * u.brow
        case "commissure_excursion":
            return k * picture.corner_length[0 if left else 1], k * u.corner_length
        case "commissure_dx" | "pucker_excursion":
            return found.value, k * u.corner_out
        case "commissure_dy":
            return found.value, k * u.corner_up
        case "upper_lip_rise":
            return found.value, k * u.lip_up
        case "ala_rise":
            return found.value, k * u.ala_up
        case _:
            return None


def _with_uncertainty(
    raw: RawMeasure,
    value: float,
    u: float,
    pose: Pose,
    picture: SessionPicture,
    rest: SessionPicture | None,
    scale: Scale,
) -> Measure:
    # A line does not know where an eye is shut.
    if raw.id == "fissure":
        value = max(0.0, value)
    elif raw.id == "closure":
        value = min(1.0, value)
    if raw.unit == "mm":
        u = math.hypot(u, value * scale.relative_u)
    elif raw.unit == "mm2":
        u = math.hypot(u, 2 * value * scale.relative_u)
    if raw.id in _LATERAL:
        turn = max(abs(picture.yaw_deg), abs(picture.yaw_deg - rest.yaw_deg) if rest else 0.0)
        u = math.hypot(u, _LATERAL_MM * max(1.0, turn / 5))
    return Measure(id=raw.id, pose=pose, side=raw.side, value=value, raw=raw.value, u=u, unit=raw.unit)


def raw_measures(pose: Pose, picture: Measured, rest: Measured | None, k: float) -> Iterator[RawMeasure]:
    """k: millimetres per unit."""
    halves = picture.halves
    for side in ("left", "right"):
        half = getattr(halves, side)
        at_rest = getattr(rest.halves, side) if rest is not None else None
        yield from _of_half(pose, half, at_rest, "left" if side == "left" else "right", k)
    yield from _between(pose, halves, k)


def _of_half(
    pose: Pose, half: Half, rest: Half | None, side: Literal["left", "right"], k: float
) -> Iterator[RawMeasure]:
    yield RawMeasure("brow_height", side, k * half.brow_height, "mm")
    yield RawMeasure("fissure", side, k * half.fissure, "mm")
    if half.fissure > _OPEN_SHARE_OF_IRIS * half.iris:
        yield RawMeasure("mrd1", side, k * half.mrd1, "mm")
        yield RawMeasure("mrd2", side, k * half.mrd2, "mm")
    if pose in POSES_OF_REGION["mouth"]:
        yield RawMeasure("smile_angle", side, half.smile_angle, "deg")
    if pose == "full_smile":
        yield RawMeasure("mouth_opening_area", side, k**2 * half.mouth_area, "mm2")
    if rest is None or pose == "rest":
        return
    outwards, up = half.commissure[0] - rest.commissure[0], rest.commissure[1] - half.commissure[1]
    if pose == "brow_lift":
        yield RawMeasure("brow_excursion", side, k * (half.brow_height - rest.brow_height), "mm")
    elif pose in POSES_OF_REGION["eye"]:
        yield RawMeasure("closure", side, 1 - half.fissure / rest.fissure, "1")
    elif pose in POSES_OF_REGION["mouth"]:
        yield RawMeasure("commissure_excursion", side, k * math.hypot(outwards, up), "mm")
        yield RawMeasure("commissure_dx", side, k * outwards, "mm")
        yield RawMeasure("commissure_dy", side, k * up, "mm")
    elif pose == "snarl":
        yield RawMeasure("upper_lip_rise", side, k * (rest.upper_lip[1] - half.upper_lip[1]), "mm")
        yield RawMeasure("ala_rise", side, k * (rest.ala[1] - half.ala[1]), "mm")
    elif pose == "pucker":
        yield RawMeasure("pucker_excursion", side, -k * outwards, "mm")


def _between(pose: Pose, halves: Halves, k: float) -> Iterator[RawMeasure]:
    if pose in ("rest", "pucker"):
        yield RawMeasure("mouth_width", None, k * halves.mouth_width, "mm")
    if pose in ("rest", *POSES_OF_REGION["mouth"]):
        yield RawMeasure("philtrum_deviation", None, k * halves.philtrum[0], "mm")
        yield RawMeasure("philtrum_angle", None, halves.philtrum[1], "deg")
