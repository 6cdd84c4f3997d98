"""The numbers of an examination that were fitted, on simulated people that nothing is judged on; `fitted.json` beside
this file holds them and says how they were made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from face.palsy.assessment.evidence import EVIDENCE, Evidence
from face.vocabulary import POSES, REGIONS, Pose

FITTED_FILE = Path(__file__).with_name("fitted.json")


@dataclass(frozen=True)
class SessionCalibration:
    """temperature: the power 1/temperature that evens or sharpens the probabilities of the grades; conformal_threshold
    as in `face.palsy.decoding`."""

    temperature: float
    conformal_threshold: float


@dataclass(frozen=True)
class MeasureError:
    """How a measure of raw landmarks becomes a true one: true = raw / slope - offset, in the measure's unit. u:
    standard deviation of what is left, scale aside. slope 1 and offset 0 where the simulator has no truth; u is then
    what two examinations of the same palsy differ by."""

    slope: float
    offset: float
    u: float


@dataclass(frozen=True, eq=False)
class FittedNumbers:
    """severity_mean (4,), severity_covariance (4, 4): of the regions' severities, in the order of REGIONS.
    pose_offsets (F,): what each pose changes of a face's rigid ratios, in the mean of many people. within_person (F,):
    standard deviations of the rigid ratios of one face over its poses. movement_weights (7, 8), movement_bias (7,):
    which movement is seen, from the channels of `measuring.movement.Activation`. sdc95: smallest change between two
    visits that is not noise, by figure."""

    calibration: Mapping[Evidence, SessionCalibration]
    coverage: float
    severity_mean: npt.NDArray[np.float64]
    severity_covariance: npt.NDArray[np.float64]
    pose_offsets: Mapping[Pose, npt.NDArray[np.float64]]
    within_person: npt.NDArray[np.float64]
    movement_weights: npt.NDArray[np.float64]
    movement_bias: npt.NDArray[np.float64]
    measures: Mapping[str, MeasureError]
    sdc95: Mapping[str, float]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> FittedNumbers:
        """From the content of the file. Raises KeyError or ValueError for a block that is missing or of another
        shape."""
        made = cls(
            calibration={name: SessionCalibration(**values["calibration"][name]) for name in EVIDENCE},
            coverage=float(values["coverage"]),
            severity_mean=np.array(values["severity"]["mean"], dtype=np.float64),
            severity_covariance=np.array(values["severity"]["covariance"], dtype=np.float64),
            pose_offsets={pose: np.array(values["same_face"]["pose_offsets"][pose]) for pose in POSES},
            within_person=np.array(values["same_face"]["within_person"], dtype=np.float64),
            movement_weights=np.array(values["movement"]["weights"], dtype=np.float64),
            movement_bias=np.array(values["movement"]["bias"], dtype=np.float64),
            measures={name: MeasureError(**error) for name, error in values["measures"].items()},
            sdc95={name: float(value) for name, value in values["sdc95"].items()},
        )
        regions = len(REGIONS)
        if made.severity_mean.shape != (regions,) or made.severity_covariance.shape != (regions, regions):
            raise ValueError(f"severity: needs a mean of {regions} and a square covariance")
        return made


@cache
def fitted_numbers() -> FittedNumbers:
    return FittedNumbers.of(json.loads(FITTED_FILE.read_text(encoding="utf-8")))
