"""Severity of a facial palsy: region by region on one continuous scale, the grade that follows, the movement that
is left.

The scale runs from 0 to 5 in every region, and whole numbers are the rows of the House-Brackmann table: 0 is row I
(normal), 5 is row VI (no movement). The tables below read that table row by row (House & Brackmann 1985); they are
this project's reading of the definitions, not clinical data.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from face.vocabulary import REGIONS

MAX_SEVERITY = 5.0

# Share of each region's movement that is left, at the severities 0 .. 5 (grades I .. VI).
# Forehead: "moderate to good", "slight to moderate", then "none". Eye: "closes with minimum effort", "closes with
# effort", then "incomplete", so that tight closure stays nearly whole up to III and gentle closure shows a slit.
# Mouth: "slight asymmetry", "slightly weak with maximum effort", "asymmetric", "slight movement", "none"; the nose
# follows the mouth.
MOVEMENT_LEFT: dict[str, tuple[float, ...]] = {
    "forehead": (1.0, 0.70, 0.35, 0.0, 0.0, 0.0),
    "eye": (1.0, 0.95, 0.85, 0.50, 0.22, 0.0),
    "eye_with_effort": (1.0, 0.97, 0.91, 0.53, 0.24, 0.0),
    "nose": (1.0, 0.78, 0.52, 0.30, 0.10, 0.0),
    "mouth": (1.0, 0.78, 0.52, 0.30, 0.10, 0.0),
}

# Loss of the muscles' tone at rest: "normal" up to IV, "asymmetric" at V and VI.
TONE_LOST = (0.0, 0.0, 0.05, 0.15, 0.60, 1.0)

# Closing of the eye when the mouth moves, as a share of full closure: "very slight" at II, "noticeable" at III, none
# without any movement. The pull of the mouth when the eye closes follows the same course.
SYNKINESIS = (0.0, 0.05, 0.20, 0.25, 0.10, 0.0)

# What each region counts in the whole. The forehead and the eye have the larger half: they part III from IV.
REGION_WEIGHTS: dict[str, float] = {"forehead": 0.25, "eye": 0.3, "nose": 0.1, "mouth": 0.35}

# Middle between rows III and IV, IV and V, V and VI.
COMPLETE_CLOSURE_LIMIT, REST_ASYMMETRY_LIMIT, NO_MOVEMENT_LIMIT = 2.5, 3.5, 4.5


@dataclass(frozen=True)
class RegionalSeverity:
    """Severity 0 .. 5 of each region of one side of the face."""

    forehead: float
    eye: float
    nose: float
    mouth: float

    def __post_init__(self) -> None:
        for region in REGIONS:
            value = getattr(self, region)
            if not 0 <= value <= MAX_SEVERITY:
                raise ValueError(f"severity of the {region} must lie in 0 .. {MAX_SEVERITY:g}, got {value}")

    @classmethod
    def even(cls, severity: float) -> RegionalSeverity:
        """The same severity in every region."""
        return cls(**dict.fromkeys(REGIONS, float(severity)))

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def overall_severity(severity: RegionalSeverity) -> float:
    """One severity 0 .. 5 for the side: the weighted mean of the regions, held to the table's deciding splits.

    - An eye that closes (with effort) and a forehead that moves exclude grade IV and worse; an eye that does not
      close and a forehead that does not move exclude grade III and better.
    - A face that is symmetric at rest excludes V and worse; one that has lost its tone in every region excludes IV
      and better.
    - Any region that still moves excludes VI.

    Never falls when a region gets worse.
    """
    regions = severity.as_dict()
    value = sum(REGION_WEIGHTS[region] * regions[region] for region in REGIONS)
    just_below = 1e-6
    if max(severity.eye, severity.forehead) < COMPLETE_CLOSURE_LIMIT:
        value = min(value, COMPLETE_CLOSURE_LIMIT - just_below)
    if max(regions.values()) < REST_ASYMMETRY_LIMIT:
        value = min(value, REST_ASYMMETRY_LIMIT - just_below)
    if min(regions.values()) < NO_MOVEMENT_LIMIT - 0.5:
        value = min(value, NO_MOVEMENT_LIMIT - just_below)
    if min(severity.eye, severity.forehead) >= COMPLETE_CLOSURE_LIMIT:
        value = max(value, COMPLETE_CLOSURE_LIMIT)
    if min(regions.values()) >= REST_ASYMMETRY_LIMIT:
        value = max(value, REST_ASYMMETRY_LIMIT)
    return float(value)


def house_brackmann_grade(severity: RegionalSeverity) -> int:
    """House-Brackmann grade 1 .. 6 of a side: the table's row nearest to its overall severity (a half counts
    upwards)."""
    return grade_of_severity(overall_severity(severity))


def grade_of_severity(severity: float) -> int:
    """Grade 1 .. 6 of an overall severity 0 .. 5."""
    if not 0 <= severity <= MAX_SEVERITY:
        raise ValueError(f"severity must lie in 0 .. {MAX_SEVERITY:g}, got {severity}")
    return 1 + int(np.floor(severity + 0.5))


def movement_left(region: str, severity: float, *, with_effort: bool = False) -> float:
    """Share 0 .. 1 of a region's movement that is left; `with_effort` counts for the eye only (tight closure)."""
    table = MOVEMENT_LEFT["eye_with_effort" if region == "eye" and with_effort else region]
    return float(np.interp(severity, range(len(table)), table))


def tone_lost(severity: float) -> float:
    """Share 0 .. 1 of the resting tone that is lost."""
    return float(np.interp(severity, range(len(TONE_LOST)), TONE_LOST))


def synkinesis(severity: float) -> float:
    """Usual involuntary closing of the eye when the mouth moves fully, as a share of full closure."""
    return float(np.interp(severity, range(len(SYNKINESIS)), SYNKINESIS))
