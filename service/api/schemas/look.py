"""The answer of POST /v1/palsy/look, and the part of it that the next request brings back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Self

from pydantic import ConfigDict, Field

from face.palsy.assessment.measuring.halves import Half, Halves
from face.vocabulary import Pose, VisibleRegion
from service.analysis.palsy_look import LookedAt, PalsyLookAnalysis
from service.api.schemas.palsy import SeenRegion, SentPicture
from service.api.schemas.shared import QualityFigures, Schema, timings

Figure = Annotated[float, Field(ge=-1e3, le=1e3)]
Length = Annotated[float, Field(ge=1e-4, le=1e3)]
# Outwards from the midline, down.
Place = tuple[Figure, Figure]


class HalfMeasures(Schema):
    """One half of the face in the unit of `mm_per_unit`; commissure, upper_lip, ala: (outwards from the midline, down),
    smile_angle in degrees."""

    brow_height: Figure
    fissure: Length
    mrd1: Figure
    mrd2: Figure
    iris: Length
    commissure: Place
    upper_lip: Place
    ala: Place
    mouth_area: Figure
    smile_angle: Figure


class LookMeasures(Schema):
    """Both halves without the head's turn, by landmarks of one look. mm_per_unit: millimetres of the lengths' unit, by
    the irises where they are seen."""

    model_config = ConfigDict(frozen=True, protected_namespaces=(), extra="forbid")

    left: HalfMeasures
    right: HalfMeasures
    eye_distance: Length
    pupil_distance: Length
    mouth_width: Length
    lips_apart: Figure
    philtrum: Place
    mm_per_unit: Annotated[float, Field(gt=1, lt=1000)]

    @classmethod
    def of(cls, measured: LookedAt) -> Self:
        return cls.model_validate({**asdict(measured.halves), "mm_per_unit": measured.mm_per_unit})

    def looked_at(self) -> LookedAt:
        values = self.model_dump(exclude={"left", "right", "mm_per_unit"})
        left, right = Half(**self.left.model_dump()), Half(**self.right.model_dump())
        return LookedAt(Halves(left=left, right=right, **values), self.mm_per_unit)


class FaceBox(Schema):
    """Around all landmarks, in pixels of the picture as sent."""

    x: float
    y: float
    width: float
    height: float


class ActivationAnswer(Schema):
    """How far the half that moves more is from rest: brow_up, brow_down, corner, upper_lip, ala and lips_apart in
    millimetres by raw landmarks, closure as a share of the opening at rest, wider as a share of the mouth's width."""

    brow_up: float
    brow_down: float
    closure: float
    corner: float
    upper_lip: float
    ala: float
    wider: float
    lips_apart: float


class LookAnswer(Schema):
    """A light look while a camera runs: no grade, no audit record. Send `measures` of a look at rest as the form's part
    `rest`, and later looks say what moves: `activation`, and `shows`, the movement that it looks like. made: whether
    the movement named by `pose` is seen, as an examination would decide; null without `pose` or without `rest`.
    """

    model_config = ConfigDict(
        frozen=True,
        protected_namespaces=(),
        json_schema_extra={
            "examples": [
                {
                    "request_id": "0f8fad5bd9cb469fa16570867728950e",
                    "picture": {"width": 640, "height": 480, "turned_deg": 0, "mirrored": True},
                    "face": {"x": 211.4, "y": 96.2, "width": 208.0, "height": 262.5},
                    "quality": {
                        "face_width_px": 205.3,
                        "yaw_deg": 1.2,
                        "pitch_deg": -2.4,
                        "roll_deg": 0.3,
                        "sharpness": 11.0,
                        "exposure": 0.48,
                        "clipped": 0.0,
                        "uneven_light": 0.05,
                        "warnings": [],
                    },
                    "visibility": {"forehead": {"value": 0.95, "seen": True}},
                    "measures": {
                        **{
                            side: {
                                "brow_height": 0.31,
                                "fissure": 0.15,
                                "mrd1": 0.06,
                                "mrd2": 0.1,
                                "iris": 0.2,
                                "commissure": [0.41, 0.92],
                                "upper_lip": [0.05, 0.84],
                                "ala": [0.27, 0.6],
                                "mouth_area": 0.02,
                                "smile_angle": 70.0,
                            }
                            for side in ("left", "right")
                        },
                        "eye_distance": 1.0,
                        "pupil_distance": 1.01,
                        "mouth_width": 0.83,
                        "lips_apart": 0.01,
                        "philtrum": [0.0, 0.4],
                        "mm_per_unit": 62.4,
                    },
                    "activation": {
                        "brow_up": 5.9,
                        "brow_down": -4.8,
                        "closure": 0.02,
                        "corner": 0.4,
                        "upper_lip": 0.1,
                        "ala": 0.1,
                        "wider": 0.0,
                        "lips_apart": 0.1,
                    },
                    "shows": "brow_lift",
                    "made": True,
                    "timings_ms": {"decode": 1.9, "landmarks": 8.7, "preprocessing": 1.1, "inference": 8.0},
                }
            ]
        },
    )

    request_id: str
    picture: SentPicture
    face: FaceBox
    quality: QualityFigures
    visibility: dict[VisibleRegion, SeenRegion]
    measures: LookMeasures
    activation: ActivationAnswer | None
    shows: Pose | None
    made: bool | None
    timings_ms: dict[str, float]

    @classmethod
    def of(cls, look: PalsyLookAnalysis, *, request_id: str) -> Self:
        x, y, width, height = look.face_box
        return cls(
            request_id=request_id,
            picture=SentPicture(**vars(look.picture)),
            face=FaceBox(x=x, y=y, width=width, height=height),
            quality=QualityFigures.of(look.quality, look.warnings),
            visibility=SeenRegion.all_of(look.visibility),
            measures=LookMeasures.of(look.measured),
            activation=None if look.activation is None else ActivationAnswer(**vars(look.activation)),
            shows=look.shows,
            made=look.made,
            timings_ms=timings(look.timings_ms),
        )
