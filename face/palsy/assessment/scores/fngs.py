"""Facial Nerve Grading System 2.0 (Vrabec et al., Otolaryngol Head Neck Surg 2009;140:445-450), and the points of 1985.

A region whose movement was not seen has no score, and then there is a range instead of a total.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from face.palsy.assessment.evidence import POSES_OF_REGION
from face.palsy.assessment.findings import Findings
from face.vocabulary import HOUSE_BRACKMANN, REGIONS, HouseBrackmann, Region

# Lower edges of the scores 1 to 5: more than this share of the healthy movement. Below the last there is none.
_STEPS = (0.85, 0.75, 0.50, 0.10, 0.03)
# Highest total of the grades I to IV; V above; VI only where every region is 6.
_HIGHEST_TOTAL = (4, 9, 14, 19)


@dataclass(frozen=True)
class Fngs:
    """regions: 1..6 each. secondary: 0..3. total_range: lowest and highest total that what was not seen leaves open."""

    regions: dict[Region, int | None]
    secondary: int | None
    total: int | None
    total_range: tuple[int, int]
    grade: HouseBrackmann | None


def fngs(findings: Findings) -> Fngs:
    regions = {region: _score(region, findings) for region in REGIONS}
    secondary = findings.worst_synkinesis
    seen = [score for score in regions.values() if score is not None]
    missing = len(REGIONS) - len(seen)
    low = sum(seen) + missing + (0 if secondary is None else secondary)
    high = sum(seen) + 6 * missing + (3 if secondary is None else secondary)
    whole = missing == 0 and secondary is not None
    return Fngs(
        regions=regions,
        secondary=secondary,
        total=low if whole else None,
        total_range=(low, high),
        grade=_grade(low, every_region_still=min(seen) == 6) if whole else None,
    )


def _score(region: Region, findings: Findings) -> int | None:
    share = findings.share(region)
    if share is None:
        return None
    score = 1 + sum(share <= step for step in _STEPS)
    if region == "eye" and findings.closes("tight_closure") is False:
        score = max(score, 4)  # "cannot close completely"
    # Three is "symmetric at rest", four is not.
    if score == 3 and region != "eye" and findings.rest is not None and findings.rest.asymmetric:
        score = 4
    return score


def _grade(total: int, *, every_region_still: bool) -> HouseBrackmann:
    if every_region_still:
        return "VI"
    # The sum can pass 24 with movement left: that is a V.
    return HOUSE_BRACKMANN[sum(total > highest for highest in _HIGHEST_TOTAL)]


@dataclass(frozen=True)
class MovementPoints:
    """House & Brackmann 1985: movement of brow and corner of the mouth in four steps each, 8 = as on the other side.

    points_8: in quarters of the healthy movement. points_8_absolute: in steps of 2.5 mm, the paper's ruler; many
    healthy people lift the brow by less than 10 mm, so the relative points are the ones to read. points_16: relative,
    in eighths, this project's own.
    """

    points_8: int | None
    points_8_absolute: int | None
    points_16: int | None


def movement_points(findings: Findings) -> MovementPoints:
    """None where brow or mouth was not seen."""
    brow, mouth = findings.share("forehead"), findings.share("mouth")
    smile = next((pose for pose in reversed(POSES_OF_REGION["mouth"]) if pose in findings.excursions_mm), None)
    if brow is None or mouth is None or smile is None:
        return MovementPoints(None, None, None)

    def steps(share: float, count: int) -> int:
        return math.floor(count * min(1.0, share) + 0.5)

    ruler = [findings.excursions_mm["brow_lift"][0], findings.excursions_mm[smile][0]]
    return MovementPoints(
        points_8=steps(brow, 4) + steps(mouth, 4),
        points_8_absolute=sum(min(4, max(0, math.floor(mm / 2.5))) for mm in ruler),
        points_16=steps(brow, 8) + steps(mouth, 8),
    )
