"""What a network fitted on whole examinations reads, and what it says: how far each half of the face has moved, and how
severe the palsy of each region is.

It sees the pictures of one examination together. Who calls brings its graph, as a function; without one an examination
is read by the steps of `grade.py` and by landmarks alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from face.input_spec import InputSpec
from face.landmarks.found_face import LANDMARK_COUNT
from face.palsy.assessment.evidence import Evidence
from face.palsy.assessment.fitted import FittedNumbers, fitted_numbers
from face.palsy.assessment.measuring.corrected import MEASURED, REST_PLACES, CorrectedPicture, Moved, corrected_picture
from face.palsy.assessment.measuring.picture import SessionPicture
from face.palsy.input import PalsyInputSpec
from face.palsy.reading import Graph
from face.vocabulary import HOUSE_BRACKMANN, POSES, REGIONS, SIDES, Pose

FloatArray = npt.NDArray[np.float64]

READINGS = (*HOUSE_BRACKMANN, *SIDES)
OUTPUTS = ("movements", "movements_u", "severities", "severities_factor", "side_logit")
MEASURES_OF_HALF = (*MEASURED, *REST_PLACES)


@dataclass(frozen=True, kw_only=True)
class SessionInputSpec(InputSpec):
    """Everything that decides the tensors. palsy_model_sha256: of the float32 graph whose readings they hold;
    palsy_input: fingerprint of what that graph reads. The other fields repeat the order of what is inside."""

    palsy_model_sha256: str
    palsy_input: str
    poses: tuple[str, ...] = POSES
    readings: tuple[str, ...] = READINGS

    def __post_init__(self) -> None:
        if self.poses != POSES or self.readings != READINGS:
            raise ValueError(f"session input: this version makes the poses {POSES} and the readings {READINGS}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SessionInputSpec:
        """The inverse of `to_dict`; raises ValueError."""
        plain = cls.exactly(values, of="session input")
        return cls(**{**plain, "poses": tuple(plain["poses"]), "readings": tuple(plain["readings"])})

    def tensor_shapes(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        side = PalsyInputSpec().mosaic_size
        return {
            "images": ("uint8", (len(POSES), side, side)),
            "landmarks": ("float32", (len(POSES), LANDMARK_COUNT, 3)),
            "readings": ("float32", (len(POSES), len(READINGS))),
            "present": ("float32", (len(POSES),)),
        }


def session_tensors(pictures: Mapping[Pose, SessionPicture]) -> dict[str, npt.NDArray[Any]]:
    """The graph's input without the batch axis, as `SessionInputSpec.tensor_shapes` has it: one row for each pose, 0
    where there is no picture."""
    shapes = SessionInputSpec(palsy_model_sha256="", palsy_input="").tensor_shapes()
    tensors = {name: np.zeros(shape, dtype) for name, (dtype, shape) in shapes.items()}
    for pose, picture in pictures.items():
        row = POSES.index(pose)
        tensors["images"][row] = picture.image
        tensors["landmarks"][row] = picture.points
        tensors["readings"][row] = [*picture.probabilities, *picture.side_probabilities]
        tensors["present"][row] = 1
    return tensors


@dataclass(frozen=True, eq=False)
class SessionReading:
    """corrected: the pictures with movements as the network has them; only with a rest picture. severities (4,) in the
    order of REGIONS, 0..5 and a little beyond; factor (4, 4): lower triangular, its product with its transpose is
    their covariance. side_logit: of the left half being the weak one against the right."""

    corrected: Mapping[Pose, CorrectedPicture]
    severities: FloatArray
    factor: FloatArray
    side_logit: float


@dataclass(frozen=True)
class Method:
    """How examinations are read: two that are compared must be read alike. sha256: of the network's graph, None for the
    steps that need none."""

    name: str
    version: str
    sha256: str | None


@dataclass(frozen=True, eq=False)
class SessionModel:
    """A graph and the numbers fitted for it. grades_from: the classes of evidence for which it was better than the
    steps without it; elsewhere those make the grade, with the numbers fitted for them, and its measures are used all
    the same."""

    method: Method
    graph: Graph
    numbers: FittedNumbers
    grades_from: frozenset[Evidence]

    def read(self, pictures: Mapping[Pose, SessionPicture]) -> SessionReading:
        """pictures: those that show what they are named after. Raises what the graph raises."""
        answer = self.graph({name: tensor[None] for name, tensor in session_tensors(pictures).items()})
        found = {name: np.asarray(answer[name][0], dtype=np.float64) for name in OUTPUTS}
        shape = (len(POSES), 2, len(MEASURES_OF_HALF))
        if found["movements"].shape != shape or found["severities"].shape != (len(REGIONS),):
            raise ValueError(f"movements must have shape {shape}, got {found['movements'].shape}")
        rest, corrected = pictures.get("rest"), {}
        if rest is not None:
            at_rest = _moved(found, "rest")
            for pose, picture in pictures.items():
                corrected[pose] = corrected_picture(picture, rest, _moved(found, pose), at_rest)
        return SessionReading(
            corrected=corrected,
            severities=found["severities"],
            factor=found["severities_factor"],
            side_logit=float(found["side_logit"][0]),
        )


def numbers_for(model: SessionModel | None) -> FittedNumbers:
    """What was fitted for examinations read by this network, or by none."""
    return fitted_numbers() if model is None else model.numbers


def _moved(found: Mapping[str, FloatArray], pose: Pose) -> tuple[Moved, Moved]:
    """Of the (left, right) half, in the unit of the canonical frame."""
    row = POSES.index(pose)
    left, right = (
        Moved(
            values=dict(zip(MEASURES_OF_HALF, found["movements"][row, side].tolist(), strict=True)),
            u=dict(zip(MEASURES_OF_HALF, found["movements_u"][row, side].tolist(), strict=True)),
        )
        for side in (0, 1)
    )
    return left, right
