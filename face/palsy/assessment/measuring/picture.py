"""What an examination takes from each photograph: landmarks without the head's turn, and the network's reading."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from face.frame.regions import MOSAIC_SIZE
from face.landmarks.found_face import LANDMARK_COUNT
from face.palsy.assessment.measuring.halves import Halves, measure_halves
from face.palsy.reading import ReadPhotograph
from face.probability import FloatArray
from face.vocabulary import HOUSE_BRACKMANN, REGIONS, SIDES, Region


class Measured(Protocol):
    """What the findings are gathered from."""

    @property
    def halves(self) -> Halves: ...


@dataclass(frozen=True, eq=False)
class SessionPicture:
    """One usable photograph.

    points: (478, 3) float32 landmarks of both looks in the canonical frame (`face.landmarks.canonical`): x to the
    patient's left, y down, in its unit, the inter-ocular distance of the mean face. image: (1, 224, 224) uint8, the
    mosaic that the network reads. probabilities: (6,) of the House-Brackmann grades, by the network for this photograph
    alone. side_probabilities: (3,) in the order of SIDES. yaw_deg, pitch_deg: of the head. hidden: regions of which too
    little is seen to compare its sides.
    """

    points: npt.NDArray[np.float32]
    image: npt.NDArray[np.uint8]
    probabilities: FloatArray
    side_probabilities: FloatArray
    yaw_deg: float
    pitch_deg: float
    hidden: frozenset[Region] = frozenset()

    def __post_init__(self) -> None:
        shapes = {
            "points": (LANDMARK_COUNT, 3),
            "image": (1, MOSAIC_SIZE, MOSAIC_SIZE),
            "probabilities": (len(HOUSE_BRACKMANN),),
            "side_probabilities": (len(SIDES),),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"SessionPicture.{name} must have shape {shape}, got {getattr(self, name).shape}")

    @classmethod
    def of(cls, read: ReadPhotograph) -> SessionPicture:
        """From a reading by a network whose grades are those of House and Brackmann."""
        return cls(
            points=read.made.tensors["landmarks"],
            image=read.made.tensors["images"],
            probabilities=read.before_turn.probabilities,
            side_probabilities=read.before_turn.side_probabilities,
            yaw_deg=read.quality.yaw_deg,
            pitch_deg=read.quality.pitch_deg,
            hidden=frozenset(region for region in REGIONS if not read.visibility.compares(region)),
        )

    @property
    def severity(self) -> float:
        """Expected grade less one, 0..5: the network's reading on the scale of `face.palsy.severity`."""
        return float(self.probabilities @ np.arange(len(HOUSE_BRACKMANN)))

    @cached_property
    def halves(self) -> Halves:
        return measure_halves(self.points)
