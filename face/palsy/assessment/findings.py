"""All that the scales are read from: gathered once for an examination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from face.palsy.assessment.shares import Share
from face.palsy.assessment.signs import RestSigns, Synkinesis, SynkinesisGrade, worst_synkinesis
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
