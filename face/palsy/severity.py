"""Severity of a facial palsy, region by region on one continuous scale, and the grade that follows by the table.

The scale runs from 0 to 5 in every region, and whole numbers are the rows of the House-Brackmann table: 0 is row I
(normal), 5 is row VI (no movement). The splits are this project's reading of the table (House & Brackmann 1985), not
clinical data. The simulator's truth and the grade of a session of photographs are made by the same function.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face.vocabulary import REGIONS, Region

MAX_SEVERITY = 5.0

# What each region counts in the whole. The forehead and the eye have the larger half: they part III from IV.
REGION_WEIGHTS: dict[Region, float] = {"forehead": 0.25, "eye": 0.3, "nose": 0.1, "mouth": 0.35}

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

    def as_dict(self) -> dict[Region, float]:
        return {region: getattr(self, region) for region in REGIONS}


def overall_severity(severity: RegionalSeverity) -> float:
    """One severity 0 .. 5 for the side: see `overall_severities`."""
    return float(overall_severities(np.array([[getattr(severity, region) for region in REGIONS]]))[0])


def overall_severities(severities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N, 4) severities in the order of REGIONS -> (N,): the weighted mean of the regions, held to the table's deciding
    splits.

    - An eye that closes (with effort) and a forehead that moves exclude grade IV and worse; an eye that does not
      close and a forehead that does not move exclude grade III and better.
    - A face that is symmetric at rest excludes V and worse; one that has lost its tone in every region excludes IV
      and better.
    - Any region that still moves excludes VI.

    Never falls when a region gets worse.
    """
    value = severities @ np.array([REGION_WEIGHTS[region] for region in REGIONS])
    deciding = severities[:, [REGIONS.index("forehead"), REGIONS.index("eye")]]
    best, worst = severities.min(axis=1), severities.max(axis=1)
    just_below = 1e-6

    def at_most(limit: float, where: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        return np.asarray(np.where(where, np.minimum(value, limit - just_below), value))

    def at_least(limit: float, where: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        return np.asarray(np.where(where, np.maximum(value, limit), value))

    value = at_most(COMPLETE_CLOSURE_LIMIT, deciding.max(axis=1) < COMPLETE_CLOSURE_LIMIT)
    value = at_most(REST_ASYMMETRY_LIMIT, worst < REST_ASYMMETRY_LIMIT)
    value = at_most(NO_MOVEMENT_LIMIT, best < NO_MOVEMENT_LIMIT - 0.5)
    value = at_least(COMPLETE_CLOSURE_LIMIT, deciding.min(axis=1) >= COMPLETE_CLOSURE_LIMIT)
    return at_least(REST_ASYMMETRY_LIMIT, best >= REST_ASYMMETRY_LIMIT)


def house_brackmann_grade(severity: RegionalSeverity) -> int:
    """House-Brackmann grade 1 .. 6 of a side: the table's row nearest to its overall severity (a half counts
    upwards)."""
    return grade_of_severity(overall_severity(severity))


def grade_of_severity(severity: float) -> int:
    """Grade 1 .. 6 of an overall severity 0 .. 5."""
    if not 0 <= severity <= MAX_SEVERITY:
        raise ValueError(f"severity must lie in 0 .. {MAX_SEVERITY:g}, got {severity}")
    return 1 + int(np.floor(severity + 0.5))
