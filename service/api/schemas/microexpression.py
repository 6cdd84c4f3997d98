"""The answer of POST /v1/microexpression/classify."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field

from face.vocabulary import MovementKind, OutlinedRegion
from service.analysis.microexpression import MicroexpressionAnalysis
from service.analysis.models import AnyModel
from service.api.schemas.shared import ModelIdentity, Picture, Probability, QualityFigures, Schema, timings

Motion = Annotated[float, Field(ge=0)]


class Emotion(Schema):
    """Null where the movement is no expression (`movement_kind`)."""

    label: str | None
    probability: Probability | None


class FacialMotion(Schema):
    """How far the face moves between the frames once the head's own motion is taken out: the 95th percentile, in per
    cent of the inter-ocular distance, in the whole face and by region. Sides are the patient's. reliability: how sure
    it is that anything but head, light, camera and compression differs between the frames; below a half there is no
    answer (`no-motion`). heatmap: on the apex photograph; null with heatmap=false.
    """

    reliability: Probability
    score: Motion
    regions: dict[OutlinedRegion, Motion]
    heatmap: Picture | None


class MicroexpressionAnswer(Schema):
    """What the motion from onset to apex looks like. An answer is about these two frames, not about what a person
    feels. movement_kind: what moved; an emotion is named for an expression alone. probabilities: of an expression with
    this motion, also where it is none.
    """

    request_id: str
    model: ModelIdentity
    emotion: Emotion
    probabilities: dict[str, Probability]
    movement_kind: MovementKind
    motion: FacialMotion
    quality: QualityFigures
    timings_ms: dict[str, float]

    @classmethod
    def of(cls, analysis: MicroexpressionAnalysis, *, model: AnyModel, request_id: str) -> Self:
        return cls(
            request_id=request_id,
            model=ModelIdentity.of(model),
            emotion=Emotion(label=analysis.label, probability=analysis.probability),
            probabilities=analysis.probabilities,
            movement_kind=analysis.kind,
            motion=FacialMotion.model_validate(
                {
                    "reliability": analysis.reliability,
                    "score": analysis.score,
                    "regions": analysis.regions,
                    "heatmap": None if analysis.heatmap is None else Picture.of(analysis.heatmap),
                }
            ),
            quality=QualityFigures.of(analysis.quality, analysis.warnings),
            timings_ms=timings(analysis.timings_ms),
        )
