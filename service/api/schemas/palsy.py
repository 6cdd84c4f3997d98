"""The answer of POST /v1/palsy/grade."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field

from face.palsy.visibility import Visibility
from face.vocabulary import (
    HOUSE_BRACKMANN,
    SIDES,
    HouseBrackmann,
    OutlinedRegion,
    RegionOfInterest,
    Side,
    VisibleRegion,
)
from service.analysis.models import AnyModel
from service.analysis.palsy import PalsyAnalysis
from service.api.schemas.shared import ModelIdentity, Picture, Probability, QualityFigures, Schema, timings


class Grade(Schema):
    """house_brackmann: the median grade; null for a model with grades of its own, whose name is then in `label`.

    index: counted from 1 = the mildest. expected: mean of the index under the probabilities. prediction_set: a run of
    neighbouring grades that holds the true one in the share `coverage` of photographs like those of the calibration.
    """

    house_brackmann: HouseBrackmann | None
    label: str
    index: Annotated[int, Field(ge=1)]
    probability: Probability
    expected: Annotated[float, Field(ge=1, le=100)]
    prediction_set: Annotated[list[str], Field(min_length=1)]
    coverage: Probability

    @classmethod
    def of(cls, analysis: PalsyAnalysis) -> Self:
        reading = analysis.reading
        return cls(
            house_brackmann=HOUSE_BRACKMANN[reading.index] if analysis.house_brackmann else None,
            label=analysis.label,
            index=reading.index + 1,
            probability=reading.probability,
            expected=reading.expected,
            prediction_set=[analysis.labels[index] for index in reading.prediction_set],
            coverage=analysis.coverage,
        )


class AffectedSide(Schema):
    """The patient's side, in agreement with the grade: `none` with the mildest grade; from the third grade on always
    `left` or `right`, with the probability that it is this one if one side is affected; in between only where it is
    more than 60 % likely. probabilities: before that rule.
    """

    side: Side
    probability: Probability
    probabilities: dict[Side, Probability]


class SeenRegion(Schema):
    """value: the share of the region that is seen, and not covered, cut off, blurred or in shadow. seen: it is enough
    to judge the region by; the model's manifest says from which value on."""

    value: Probability
    seen: bool

    @classmethod
    def all_of(cls, visibility: Visibility) -> dict[VisibleRegion, Self]:
        return {
            region: cls(value=round(min(1.0, max(0.0, value)), 4), seen=visibility.seen(region))
            for region, value in visibility.values.items()
        }


class RegionalAsymmetry(Schema):
    """0 = even, 1 = as uneven as a complete palsy makes it; null for a region that is not seen."""

    forehead: Probability | None
    eye: Probability | None
    nose: Probability | None
    mouth: Probability | None


class Asymmetry(Schema):
    """score: mean of the regions that are seen, null where none is. regions: root mean square of the heatmap's values
    inside each region, as a share of its full strength; both halves count alike. heatmap: how far each point is from
    the mirror image of its partner, faint on the half that the answer does not call weak, at full strength from the
    manifest's heatmap_full_scale on (by default 0.15 inter-ocular distances, about 9 mm); null with heatmap=false.
    """

    score: Probability | None
    regions: RegionalAsymmetry
    heatmap: Picture | None


class RoiMap(Picture):
    """Where the model looked for this region."""

    region: RegionOfInterest

    @classmethod
    def all_of(cls, analysis: PalsyAnalysis) -> list[Self] | None:
        """None where they were not asked for."""
        if analysis.roi_maps is None:
            return None
        return [cls(region=region, **Picture.of(one).model_dump()) for region, one in analysis.roi_maps.items()]


class RegionOutline(Schema):
    """Corners (x, y) in pixels of the upright photograph; the side is the patient's."""

    name: OutlinedRegion
    polygon: Annotated[list[tuple[float, float]], Field(min_length=4)]

    @classmethod
    def all_of(cls, analysis: PalsyAnalysis) -> list[Self]:
        return [
            cls(name=name, polygon=[(round(float(x), 2), round(float(y), 2)) for x, y in corners])
            for name, corners in analysis.polygons.items()
        ]


class SentPicture(Schema):
    """The picture as sent, upright by its own metadata; outlines and maps lie on it. turned_deg: by how much it had to
    be turned clockwise for the face to stand upright. mirrored: the request's word that the camera had swapped the
    sides; from the pixels that cannot be seen.
    """

    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    turned_deg: Literal[0, 90, 180, 270]
    mirrored: bool


class PalsyAnswer(Schema):
    """An estimate from one photograph. The scale is defined on movement, which a photograph does not show: `evidence`
    says so in every answer. `visibility` says which parts of the face were seen. Sides are the patient's; the mirrored
    photograph gets the same grade and the other side.
    """

    model_config = ConfigDict(
        frozen=True,
        protected_namespaces=(),
        json_schema_extra={
            "examples": [
                {
                    "request_id": "0f8fad5bd9cb469fa16570867728950e",
                    "model": {
                        "task": "palsy",
                        "name": "htnet-enhanced-tiny",
                        "version": "0.1.0",
                        "sha256": "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
                        "variant": "int8",
                        "intended_use": "Research and documentation; not a medical device.",
                        "training_data": "Simulated patients only.",
                    },
                    "grade": {
                        "house_brackmann": "III",
                        "label": "III",
                        "index": 3,
                        "probability": 0.62,
                        "expected": 2.9,
                        "prediction_set": ["II", "III"],
                        "coverage": 0.9,
                    },
                    "probabilities": {"I": 0.02, "II": 0.26, "III": 0.62, "IV": 0.08, "V": 0.02, "VI": 0.0},
                    "affected_side": {
                        "side": "left",
                        "probability": 0.95,
                        "probabilities": {"left": 0.9, "right": 0.05, "none": 0.05},
                    },
                    "visibility": {
                        "forehead": {"value": 0.93, "seen": True},
                        "left_eye": {"value": 0.98, "seen": True},
                        "right_eye": {"value": 0.99, "seen": True},
                        "nose": {"value": 0.99, "seen": True},
                        "left_mouth": {"value": 0.97, "seen": True},
                        "right_mouth": {"value": 0.98, "seen": True},
                    },
                    "asymmetry": {
                        "score": 0.4,
                        "regions": {"forehead": 0.3, "eye": 0.4, "nose": 0.3, "mouth": 0.6},
                        "heatmap": {"media_type": "image/png", "width": 512, "height": 512, "data": "iVBORw0KGgo="},
                    },
                    "roi_maps": None,
                    "regions": [
                        {"name": "right_eye", "polygon": [[90.0, 80.0], [180.0, 80.0], [180.0, 170.0], [90.0, 170.0]]}
                    ],
                    "picture": {"width": 1024, "height": 1024, "turned_deg": 0, "mirrored": False},
                    "quality": {
                        "face_width_px": 212.0,
                        "yaw_deg": 2.1,
                        "pitch_deg": -3.0,
                        "roll_deg": 0.4,
                        "sharpness": 24.0,
                        "exposure": 0.55,
                        "clipped": 0.01,
                        "uneven_light": 0.03,
                        "warnings": [],
                    },
                    "evidence": "single_photo",
                    "timings_ms": {
                        "decode": 3.9,
                        "landmarks": 11.7,
                        "preprocessing": 1.3,
                        "inference": 8.0,
                        "rendering": 0.6,
                        "total": 25.6,
                    },
                }
            ]
        },
    )

    request_id: str
    model: ModelIdentity
    grade: Grade
    probabilities: dict[str, Probability]
    affected_side: AffectedSide
    visibility: dict[VisibleRegion, SeenRegion]
    asymmetry: Asymmetry
    roi_maps: list[RoiMap] | None
    regions: list[RegionOutline]
    picture: SentPicture
    quality: QualityFigures
    evidence: Literal["single_photo"]
    timings_ms: dict[str, float]

    @classmethod
    def of(cls, analysis: PalsyAnalysis, *, model: AnyModel, request_id: str) -> Self:
        reading = analysis.reading
        return cls.model_validate(
            {
                "request_id": request_id,
                "model": ModelIdentity.of(model),
                "grade": Grade.of(analysis),
                "probabilities": dict(zip(analysis.labels, (float(p) for p in reading.probabilities), strict=True)),
                "affected_side": {
                    "side": reading.side,
                    "probability": reading.side_probability,
                    "probabilities": dict(zip(SIDES, (float(p) for p in reading.side_probabilities), strict=True)),
                },
                "visibility": SeenRegion.all_of(analysis.visibility),
                "asymmetry": {
                    "score": analysis.score,
                    "regions": analysis.regional,
                    "heatmap": None if analysis.heatmap is None else Picture.of(analysis.heatmap),
                },
                "roi_maps": RoiMap.all_of(analysis),
                "regions": RegionOutline.all_of(analysis),
                "picture": vars(analysis.picture),
                "quality": QualityFigures.of(analysis.quality, analysis.warnings),
                "evidence": analysis.evidence,
                "timings_ms": timings(analysis.timings_ms),
            }
        )
