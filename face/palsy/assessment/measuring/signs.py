"""What an examination shows beside the shares of movement: asymmetry at rest, eyes that stay open, what moves along.

Of the halves as they are given: the network of examinations' where there is one, else those of the raw landmarks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from face.palsy.assessment.evidence import POSES_OF_REGION
from face.palsy.assessment.measuring.halves import Half
from face.palsy.assessment.measuring.picture import Measured
from face.vocabulary import Pose, Side

# What observers notice between the sides: lids, corners of the mouth, brows (PMID 28200081).
FISSURE_NOTICED_MM, COMMISSURE_NOTICED_MM, BROW_NOTICED_MM = 2.0, 3.0, 3.5
# A closed eye keeps this share of its resting fissure in the landmarks, which never meet.
CLOSED_FISSURE_SHARE = 0.18
# From this share on the healthy eye counts as closed, and its own fissure is what closed lids measure.
_HEALTHY_CLOSED = 0.6

SynkinesisGrade = Literal[0, 1, 2, 3]
# Narrowing of the eye with the mouth beyond that of the healthy one, as a share of the fissure; pull of the mouth or
# the brow with another movement beyond that of the healthy half, in millimetres: mild, obvious, disfiguring.
OCULAR_STEPS = (0.10, 0.25, 0.50)
PULL_STEPS_MM = (1.0, 2.5, 5.0)


@dataclass(frozen=True)
class RestSigns:
    """Affected less healthy half, in millimetres. fissure: positive is wider. commissure: positive is lower. outwards:
    positive is further from the midline. brow: positive is lower."""

    fissure: float
    commissure: float
    commissure_outwards: float
    brow: float

    @property
    def asymmetric(self) -> bool:
        return (
            abs(self.fissure) >= FISSURE_NOTICED_MM
            or abs(self.commissure) >= COMMISSURE_NOTICED_MM
            or abs(self.brow) >= BROW_NOTICED_MM
        )


def rest_signs(rest: Measured, affected: Side, *, mm_per_unit: float) -> RestSigns:
    a, h = rest.halves.affected_first(affected)
    return RestSigns(
        fissure=mm_per_unit * (a.fissure - h.fissure),
        commissure=mm_per_unit * (a.commissure[1] - h.commissure[1]),
        commissure_outwards=mm_per_unit * (a.commissure[0] - h.commissure[0]),
        brow=-mm_per_unit * (a.brow_height - h.brow_height),
    )


def lagophthalmos_mm(closure: Measured, rest: Measured, affected: Side, *, mm_per_unit: float) -> float:
    """Opening that is left in a closure, in millimetres."""
    a, h = closure.halves.affected_first(affected)
    a_rest, h_rest = rest.halves.affected_first(affected)
    healthy_closed = 1 - h.fissure / h_rest.fissure >= _HEALTHY_CLOSED
    closed = h.fissure * a_rest.fissure / h_rest.fissure if healthy_closed else CLOSED_FISSURE_SHARE * a_rest.fissure
    return mm_per_unit * max(0.0, a.fissure - closed)


@dataclass(frozen=True)
class Synkinesis:
    """What moves along in one picture. kind: ocular (the eye narrows with the mouth), oral (the mouth is pulled when
    brow or eye move), brow (it rises with the mouth). value: affected beyond healthy, a share for ocular, else
    millimetres."""

    kind: Literal["ocular", "oral", "brow"]
    value: float
    grade: SynkinesisGrade


def synkinesis(
    pose: Pose, picture: Measured, rest: Measured, affected: Side, *, mm_per_unit: float
) -> tuple[Synkinesis, ...]:
    """Both that can be seen in a movement of the mouth, the one in any other; nothing at rest."""
    a, h = picture.halves.affected_first(affected)
    a_rest, h_rest = rest.halves.affected_first(affected)
    if pose == "rest":
        return ()
    if pose in ("brow_lift", *POSES_OF_REGION["eye"]):
        pull = mm_per_unit * (_moved(a, a_rest) - _moved(h, h_rest))
        return (Synkinesis("oral", pull, _step(pull, PULL_STEPS_MM)),)
    narrowing = (1 - a.fissure / a_rest.fissure) - (1 - h.fissure / h_rest.fissure)
    rise = mm_per_unit * ((a.brow_height - a_rest.brow_height) - (h.brow_height - h_rest.brow_height))
    return (
        Synkinesis("ocular", narrowing, _step(narrowing, OCULAR_STEPS)),
        Synkinesis("brow", rise, _step(rise, PULL_STEPS_MM)),
    )


def worst_synkinesis(found: Mapping[Pose, tuple[Synkinesis, ...]]) -> SynkinesisGrade | None:
    """None where no movement was seen."""
    grades = [one.grade for several in found.values() for one in several]
    return max(grades) if grades else None


def _moved(now: Half, before: Half) -> float:
    return math.hypot(now.commissure[0] - before.commissure[0], now.commissure[1] - before.commissure[1])


def _step(value: float, steps: tuple[float, float, float]) -> SynkinesisGrade:
    grades: tuple[SynkinesisGrade, ...] = (0, 1, 2, 3)
    return grades[sum(value >= step for step in steps)]
