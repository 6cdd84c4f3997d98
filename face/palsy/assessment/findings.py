"""All that the scales are read from: gathered once for an examination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from face.palsy.assessment.evidence import POSES_OF_REGION
from face.palsy.assessment.fitted import FittedNumbers
from face.palsy.assessment.measuring.picture import Measured
from face.palsy.assessment.measuring.shares import Share, pose_share, regional_shares
from face.palsy.assessment.measuring.signs import (
    RestSigns,
    Synkinesis,
    SynkinesisGrade,
    lagophthalmos_mm,
    rest_signs,
    synkinesis,
    worst_synkinesis,
)
from face.vocabulary import Pose, Region, Side

# Tight closure is complete from this share on, or with less than this many millimetres open.
CLOSED_SHARE, LAGOPHTHALMOS_MM = 0.9, 1.0


@dataclass(frozen=True)
class Findings:
    """affected: the half that is compared with the other, also where no side is named. shares: by movement; absent
    where it was not seen. regions: None for one that was not. rest: None without a rest picture. lagophthalmos_mm: by
    closure. excursions_mm: (affected, healthy) of brow and of the mouth's corner sideways, by movement."""

    affected: Side
    shares: Mapping[Pose, Share]
    regions: Mapping[Region, Share | None]
    rest: RestSigns | None
    lagophthalmos_mm: Mapping[Pose, float] = field(default_factory=dict)
    synkinesis: Mapping[Pose, tuple[Synkinesis, ...]] = field(default_factory=dict)
    excursions_mm: Mapping[Pose, tuple[float, float]] = field(default_factory=dict)

    def share(self, region: Region) -> float | None:
        found = self.regions[region]
        return None if found is None else found.value

    @property
    def worst_synkinesis(self) -> SynkinesisGrade | None:
        return worst_synkinesis(self.synkinesis)

    def closes(self, pose: Pose) -> bool | None:
        """Whether the affected eye closes in this closure; None where the closure was not seen."""
        if pose not in self.shares:
            return None
        return self.shares[pose].value >= CLOSED_SHARE and self.lagophthalmos_mm.get(pose, 0.0) < LAGOPHTHALMOS_MM


def gather_findings(
    used: Mapping[Pose, Measured], affected: Side, *, mm_per_unit: float, numbers: FittedNumbers
) -> Findings:
    """used: the pictures that show what they are named after. Without rest nothing can be compared."""
    mm = mm_per_unit
    rest = used.get("rest")
    if rest is None:
        return Findings(affected=affected, shares={}, regions=regional_shares({}), rest=None)
    moving = {pose: picture for pose, picture in used.items() if pose != "rest"}
    shares: dict[Pose, Share] = {
        pose: share
        for pose, picture in moving.items()
        if (share := pose_share(pose, picture, rest, affected, mm_per_unit=mm, numbers=numbers)) is not None
    }
    excursions: dict[Pose, tuple[float, float]] = {
        pose: _excursions(pose, moving[pose], rest, affected, mm)
        for pose in (*POSES_OF_REGION["forehead"], *POSES_OF_REGION["mouth"])
        if pose in moving
    }
    return Findings(
        affected=affected,
        shares=shares,
        regions=regional_shares(shares),
        rest=rest_signs(rest, affected, mm_per_unit=mm),
        lagophthalmos_mm={
            pose: lagophthalmos_mm(moving[pose], rest, affected, mm_per_unit=mm)
            for pose in POSES_OF_REGION["eye"]
            if pose in moving
        },
        synkinesis={
            pose: synkinesis(pose, picture, rest, affected, mm_per_unit=mm) for pose, picture in moving.items()
        },
        excursions_mm=excursions,
    )


def _excursions(pose: Pose, picture: Measured, rest: Measured, affected: Side, mm: float) -> tuple[float, float]:
    pairs = zip(picture.halves.affected_first(affected), rest.halves.affected_first(affected), strict=True)
    if pose == "brow_lift":
        a, h = (mm * (now.brow_height - before.brow_height) for now, before in pairs)
    else:
        a, h = (mm * (now.commissure[0] - before.commissure[0]) for now, before in pairs)
    return a, h
