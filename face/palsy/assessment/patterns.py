"""Patterns that a grade must not hide: a spared forehead, and weakness of both sides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from face.palsy.assessment.evidence import POSES_OF_REGION
from face.palsy.assessment.findings import Findings
from face.palsy.assessment.measuring.measures import Measure
from face.palsy.assessment.measuring.movement import Activation
from face.vocabulary import Pose, Region

Pattern = Literal["forehead_spared", "bilateral_suspected"]
CENTRAL_CAUSE_SENTENCE = (
    "The forehead moves while the mouth does not. House-Brackmann is for the peripheral nerve: a central cause, such "
    "as "
    "a "
    "stroke, must be excluded first; with a sudden onset this is an emergency."
)
NO_HEALTHY_SIDE_SENTENCE = (
    "Both sides move less than healthy people do. House-Brackmann compares with a healthy side, which is not there; "
    "the "
    "sides are compared with healthy people instead."
)
SENTENCES: Mapping[Pattern, str] = {
    "forehead_spared": CENTRAL_CAUSE_SENTENCE,
    "bilateral_suspected": NO_HEALTHY_SIDE_SENTENCE,
}
_BROW_SPARED, _MOUTH_WEAK = 0.8, 0.5

# Healthy movement: smile 9 mm, brow lift 8 mm (standard deviation 3), the whole closure. Below these on the better
# side, in raw landmark millimetres, two standard deviations are missing.
NORMAL: Mapping[Region, float] = {"forehead": 8.0, "eye": 1.0, "mouth": 9.0}
_WEAK_BROW_MM, _WEAK_CLOSURE, _WEAK_CORNER_MM = 1.5, 0.55, 4.0
_WEAK_REGIONS = 2

# Side -> region -> share of what healthy people move.
PopulationShares = dict[Literal["left", "right"], dict[Region, float]]


def forehead_is_spared(findings: Findings) -> bool:
    brow, mouth = findings.share("forehead"), findings.share("mouth")
    return brow is not None and mouth is not None and brow >= _BROW_SPARED and mouth <= _MOUTH_WEAK


def weak_on_both_sides(seen: Mapping[Pose, Activation]) -> bool:
    """seen: movements that were made with effort. Two regions in which the better half is weak are needed: one may be
    a habit, or an injection."""
    weak = 0
    for region, poses in POSES_OF_REGION.items():
        made = [seen[pose] for pose in poses if pose in seen]
        if made and region != "nose":
            weak += all(_is_weak(region, one) for one in made)
    return weak >= _WEAK_REGIONS


def _is_weak(region: Region, seen: Activation) -> bool:
    if region == "forehead":
        return seen.brow_up < _WEAK_BROW_MM
    if region == "eye":
        return seen.closure < _WEAK_CLOSURE
    return seen.corner < _WEAK_CORNER_MM


def population_shares(measures: Iterable[Measure]) -> PopulationShares:
    """The corrected excursions as shares of healthy ones; the best picture of each region counts."""
    regions: dict[str, Region] = {"brow_excursion": "forehead", "closure": "eye", "commissure_excursion": "mouth"}
    shares: PopulationShares = {"left": {}, "right": {}}
    for measure in measures:
        region = regions.get(measure.id)
        if region is not None and measure.side is not None:
            share = max(0.0, measure.value / NORMAL[region])
            shares[measure.side][region] = max(share, shares[measure.side].get(region, 0.0))
    return shares
