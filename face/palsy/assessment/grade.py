"""Each region read from its own movement, then the table: the House-Brackmann grade of an examination.

The network grades each photograph as if it were the only one. In a brow lift that grade is the forehead's, in a closure
the eye's, in a snarl the midface's, in a smile the mouth's; `face.palsy.severity` puts the four together as the scale's
table does. The probabilities come from the same rule: the grades of the pictures are drawn many times, always the same
draws, and each draw goes through the table. A region that no picture shows is drawn from what simulated palsies with
the same other regions have there, never a constant; that widens the answer as it should.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face.palsy.assessment.evidence import POSES_OF_REGION, Evidence, evidence_of, poses_of_regions
from face.palsy.assessment.fitted import FittedNumbers, SessionCalibration
from face.palsy.assessment.measuring.picture import SessionPicture
from face.palsy.assessment.session_model import SessionReading
from face.palsy.decoding import inclusion_scores, median_class
from face.palsy.severity import MAX_SEVERITY, overall_severities
from face.probability import FloatArray
from face.vocabulary import HOUSE_BRACKMANN, REGIONS, SIDES, Pose, Region

_DRAWS, _SEED = 2000, 20261129


@dataclass(frozen=True)
class RegionalReading:
    """Severity 0..5 of a region by the network; interval: the middle 90 % of the draws. poses: the pictures read."""

    severity: float
    interval: tuple[float, float]
    poses: tuple[Pose, ...]


@dataclass(frozen=True, eq=False)
class SessionGrade:
    """probabilities: (6,). index: of the median grade, from 0; expected: from 1. regions: only those that were seen."""

    evidence: Evidence
    probabilities: FloatArray
    index: int
    expected: float
    prediction_set: tuple[int, ...]
    regions: dict[Region, RegionalReading]

    @property
    def probability(self) -> float:
        return float(self.probabilities[self.index])


def session_grade(
    pictures: Mapping[Pose, SessionPicture], numbers: FittedNumbers, *, still: frozenset[Pose] = frozenset()
) -> SessionGrade:
    """pictures: at least one. still: poses whose movement was asked for with full effort and not made: severity 5."""
    probabilities: dict[Pose, FloatArray] = {pose: picture.probabilities for pose, picture in pictures.items()}
    probabilities |= {pose: np.eye(len(HOUSE_BRACKMANN))[-1] for pose in still}
    evidence = evidence_of(frozenset(probabilities))
    if evidence == "single_photo":
        return _decoded(probabilities["rest"], evidence, numbers.calibration[evidence], {})
    known = poses_of_regions(frozenset(probabilities))
    draws = _draw(probabilities, known, numbers)
    severities = {
        region: float(np.mean([probabilities[pose] @ np.arange(len(HOUSE_BRACKMANN)) for pose in poses]))
        for region, poses in known.items()
    }
    return _of_draws(draws, severities, known, evidence, numbers)


def fitted_grade(
    reading: SessionReading, used: frozenset[Pose], numbers: FittedNumbers, *, still: frozenset[Pose] = frozenset()
) -> SessionGrade:
    """By the network of examinations: its severities are drawn about, and each draw goes through the table.

    used: the pictures it saw. still: as in `session_grade`; a region counts as still by the share of its pictures.
    """
    poses = used | still
    known = poses_of_regions(poses)
    normal = np.random.default_rng(_SEED).standard_normal((_DRAWS, len(REGIONS)))
    draws, mean = reading.severities + normal @ reading.factor.T, reading.severities.copy()
    for region, shown in known.items():
        share = len(still & set(shown)) / len(shown)
        column = REGIONS.index(region)
        draws[:, column] += share * (MAX_SEVERITY - draws[:, column])
        mean[column] += share * (MAX_SEVERITY - mean[column])
    mean = np.clip(mean, 0, MAX_SEVERITY)
    severities = {region: float(mean[REGIONS.index(region)]) for region in known}
    return _of_draws(np.clip(draws, 0, MAX_SEVERITY), severities, known, evidence_of(poses), numbers)


def _of_draws(
    draws: npt.NDArray[np.float64],
    severities: Mapping[Region, float],
    known: Mapping[Region, tuple[Pose, ...]],
    evidence: Evidence,
    numbers: FittedNumbers,
) -> SessionGrade:
    grades = np.floor(overall_severities(draws) + 0.5).astype(np.intp)
    counts = np.bincount(grades, minlength=len(HOUSE_BRACKMANN)).astype(np.float64)
    regions = {
        region: RegionalReading(
            severity=severities[region],
            interval=(
                float(np.quantile(draws[:, REGIONS.index(region)], 0.05)),
                float(np.quantile(draws[:, REGIONS.index(region)], 0.95)),
            ),
            poses=poses,
        )
        for region, poses in known.items()
    }
    # No grade is impossible: half a draw for each keeps a temperature above 1 able to bring it back.
    return _decoded((counts + 0.5) / (counts + 0.5).sum(), evidence, numbers.calibration[evidence], regions)


def _draw(
    probabilities: Mapping[Pose, FloatArray], known: Mapping[Region, tuple[Pose, ...]], numbers: FittedNumbers
) -> npt.NDArray[np.float64]:
    """(draws, 4) severities in the order of REGIONS. A picture has one draw, whichever regions are read from it."""
    rng = np.random.default_rng(_SEED)
    # In the order of the words, so that the draws of a pose do not depend on which others there are.
    uniform = {pose: rng.random(_DRAWS) for region in REGIONS for pose in POSES_OF_REGION[region]}
    uniform["pucker"] = rng.random(_DRAWS)
    normal = rng.standard_normal((_DRAWS, len(REGIONS)))
    drawn = {
        pose: np.searchsorted(np.cumsum(values)[:-1], uniform[pose]).astype(np.float64)
        for pose, values in probabilities.items()
        if pose in uniform
    }
    severities = np.zeros((_DRAWS, len(REGIONS)))
    given = [REGIONS.index(region) for region in known]
    for region, poses in known.items():
        severities[:, REGIONS.index(region)] = np.mean([drawn[pose] for pose in poses], axis=0)
    missing = [index for index in range(len(REGIONS)) if index not in given]
    if missing:
        # Mean and covariance of a normal distribution given some of its parts.
        mean, covariance = numbers.severity_mean, numbers.severity_covariance
        slopes = covariance[np.ix_(missing, given)] @ np.linalg.inv(covariance[np.ix_(given, given)])
        rest = covariance[np.ix_(missing, missing)] - slopes @ covariance[np.ix_(given, missing)]
        expected = mean[missing] + (severities[:, given] - mean[given]) @ slopes.T
        severities[:, missing] = expected + normal[:, : len(missing)] @ np.linalg.cholesky(rest).T
    return np.clip(severities, 0, MAX_SEVERITY)


def _decoded(
    probabilities: FloatArray,
    evidence: Evidence,
    calibration: SessionCalibration,
    regions: dict[Region, RegionalReading],
) -> SessionGrade:
    tempered = np.asarray(probabilities, dtype=np.float64) ** (1 / calibration.temperature)
    tempered /= tempered.sum()
    inside = inclusion_scores(tempered[None])[0] <= calibration.conformal_threshold
    return SessionGrade(
        evidence=evidence,
        probabilities=tempered,
        index=int(median_class(tempered[None])[0]),
        expected=1.0 + float(tempered @ np.arange(len(tempered))),
        prediction_set=tuple(int(label) for label in np.flatnonzero(inside)),
        regions=regions,
    )


def session_sides(pictures: Mapping[Pose, SessionPicture]) -> npt.NDArray[np.float64]:
    """(3,) probabilities in the order of SIDES: the mean of the movements', or rest's where there is nothing else."""
    moving = [picture for pose, picture in pictures.items() if pose != "rest"] or list(pictures.values())
    mean = np.mean([picture.side_probabilities for picture in moving], axis=0, dtype=np.float64)
    if mean.shape != (len(SIDES),):
        raise ValueError(f"side probabilities must have shape ({len(SIDES)},), got {mean.shape}")
    return np.asarray(mean / mean.sum())


def fitted_sides(reading: SessionReading, *, healthy: float) -> npt.NDArray[np.float64]:
    """(3,) as `session_sides`, by the network of examinations. healthy: probability of grade I, which has no side."""
    left = 1 / (1 + np.exp(-reading.side_logit))
    return np.array([(1 - healthy) * left, (1 - healthy) * (1 - left), healthy])
