"""The answer of POST /v1/microexpression/clip."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Self

from pydantic import ConfigDict, Field

from face.microexpression.clip_reading import ReadClip, ReadEvent
from face.vocabulary import MovementKind, OutlinedRegion
from service.analysis.microexpression_clip import MicroexpressionClip
from service.analysis.models import AnyModel
from service.api.schemas.microexpression import Emotion, Motion
from service.api.schemas.shared import ModelIdentity, Probability, QualityFigures, Schema, timings

EXAMPLE = Path(__file__).with_name("microexpression_clip_example.json")


class Moment(Schema):
    """frame: number of the frame, from 0. t_s: seconds from the first."""

    frame: Annotated[int, Field(ge=0)]
    t_s: Annotated[float, Field(ge=0)]

    @classmethod
    def at(cls, frame: int, read: ReadClip) -> Self:
        return cls(frame=frame, t_s=round(read.times_s[frame], 4))


class ClipEvent(Schema):
    """One movement. onset, offset: where it begins and ends, at three tenths of its size; apex: its peak. emotion: null
    where no emotion is named; `warnings` say why, and what speaks against it where one is. probabilities: of an
    expression with this motion, also where it is none. reliability: how sure it is that something moved. score,
    regions: as of a pair of frames, from rest to apex, per cent of the inter-ocular distance.
    """

    onset: Moment
    apex: Moment
    offset: Moment
    emotion: Emotion
    probabilities: dict[str, Probability]
    movement_kind: MovementKind
    reliability: Probability
    score: Motion
    regions: dict[OutlinedRegion, Motion]
    warnings: list[str]

    @classmethod
    def of(cls, event: ReadEvent, read: ReadClip) -> Self:
        return cls.model_validate(
            {
                "onset": Moment.at(event.event.onset, read),
                "apex": Moment.at(event.event.apex, read),
                "offset": Moment.at(event.event.offset, read),
                "emotion": Emotion(label=event.label, probability=event.probability),
                "probabilities": event.probabilities,
                "movement_kind": event.event.kind,
                "reliability": event.event.reliability,
                "score": event.score,
                "regions": event.regions,
                "warnings": list(event.warnings),
            }
        )


class MotionCurve(Schema):
    """t_s: seconds from the first frame. motion: of each frame against the rest, the largest movement in per cent of
    the inter-ocular distance, as far as it is more than noise; null where no face was found or the head had turned too
    far."""

    t_s: list[float]
    motion: list[Motion | None]

    @classmethod
    def of(cls, read: ReadClip) -> Self:
        return cls(
            t_s=[round(time, 4) for time in read.times_s],
            motion=[None if math.isnan(moved) else round(float(moved), 3) for moved in read.spotted.motion],
        )


class RestStretch(Schema):
    """The stretch of the clip that all frames are measured against: first and last frame of it."""

    start: Annotated[Moment, Field(alias="from", serialization_alias="from")]
    end: Annotated[Moment, Field(alias="to", serialization_alias="to")]

    @classmethod
    def of(cls, read: ReadClip) -> Self:
        first, last = read.spotted.rest
        return cls.model_validate({"from": Moment.at(first, read), "to": Moment.at(last, read)})


class MicroexpressionClipAnswer(Schema):
    """When the face moved and what each movement looks like; no event is an answer too. An answer is about this clip,
    not about what a person feels. quality: of the frame at rest, with warnings on the clip."""

    model_config = ConfigDict(
        json_schema_extra=lambda schema: schema.update(examples=[json.loads(EXAMPLE.read_text(encoding="utf-8"))]),
    )

    request_id: str
    model: ModelIdentity
    events: list[ClipEvent]
    curve: MotionCurve
    rest: RestStretch
    quality: QualityFigures
    timings_ms: dict[str, float]

    @classmethod
    def of(cls, analysis: MicroexpressionClip, *, model: AnyModel, request_id: str) -> Self:
        read = analysis.read
        return cls(
            request_id=request_id,
            model=ModelIdentity.of(model),
            events=[ClipEvent.of(event, read) for event in read.events],
            curve=MotionCurve.of(read),
            rest=RestStretch.of(read),
            quality=QualityFigures.of(read.quality, analysis.warnings),
            timings_ms=timings(analysis.timings_ms),
        )
