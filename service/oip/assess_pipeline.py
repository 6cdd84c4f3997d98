"""POST /v1/palsy/assess as a model: pictures of several movements, one answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import numpy as np
from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from face.palsy.assessment.options import PUPIL_DISTANCE_RANGE_MM, ExaminationOptions
from face.vocabulary import HOUSE_BRACKMANN, POSES, SIDES, FacePolicy
from service.analysis.assessment import Maps
from service.analysis.models import LoadedModel
from service.analysis.palsy import PalsyAnalyzer
from service.api.examining import MOST_PICTURES, UNSORTED, examine_pictures
from service.api.schemas.assessment import AssessmentAnswer
from service.api.state import Worker, session_model
from service.oip.inference_request import Inference
from service.oip.metadata import ModelMetadata, TensorMetadata
from service.oip.pictures import ANSWER, some_of
from service.oip.selection import options_of, wanted_outputs
from service.oip.tensors import BadTensor, Datatype, Tensor, numbers, text


class AssessOptions(BaseModel):
    """As the query parameters of the REST endpoint, with the same meaning and defaults."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    affected_side: Literal["auto", "left", "right"] = "auto"
    effort_confirmed: bool = False
    eyelid_surgery: bool = False
    pupil_distance_mm: float | None = Field(default=None, ge=PUPIL_DISTANCE_RANGE_MM[0], le=PUPIL_DISTANCE_RANGE_MM[1])
    face: FacePolicy = "single"
    mirrored: bool = False
    maps: Maps = "none"
    strict: bool = False


class AssessPipeline:
    """Each movement is an input that may be left out. Without a grade the tensors of the grade have no row."""

    def __init__(self, model: LoadedModel[PalsyAnalyzer]) -> None:
        self._model = model

    @cached_property
    def metadata(self) -> ModelMetadata:
        outputs: dict[str, tuple[Datatype, list[int]]] = {
            "grade_probabilities": ("FP32", [-1, len(HOUSE_BRACKMANN)]),
            "expected": ("FP32", [-1]),
            "side_probabilities": ("FP32", [1, len(SIDES)]),
            ANSWER: ("BYTES", [1]),
        }
        return ModelMetadata(
            name="palsy-assess",
            versions=[self._model.bundle.manifest.version],
            platform="htnet-clinical",
            inputs=[
                *(TensorMetadata(name=pose, datatype="BYTES", shape=[1]) for pose in POSES),
                TensorMetadata(name=UNSORTED, datatype="BYTES", shape=[-1]),
            ],
            outputs=[
                TensorMetadata(name=n, datatype=datatype, shape=shape) for n, (datatype, shape) in outputs.items()
            ],
        )

    async def infer(self, asked: Inference, request: Request, worker: Worker) -> Sequence[Tensor]:
        given = options_of(asked, AssessOptions)
        wanted = wanted_outputs(asked, [tensor.name for tensor in self.metadata.outputs])
        sent = some_of(asked, POSES, repeated=UNSORTED)
        pictures = {pose: sent[pose][0] for pose in POSES if pose in sent}
        unsorted = sent.get(UNSORTED, [])
        if not 1 <= len(pictures) + len(unsorted) <= MOST_PICTURES:
            raise BadTensor(f"There are {len(pictures) + len(unsorted)} pictures; send 1 to {MOST_PICTURES}.")
        analysis = await examine_pictures(
            request,
            worker,
            self._model,
            session_model(worker),
            pictures,
            unsorted,
            options=ExaminationOptions(
                affected_side=given.affected_side,
                effort_confirmed=given.effort_confirmed,
                eyelid_surgery=given.eyelid_surgery,
                pupil_distance_mm=given.pupil_distance_mm,
            ),
            face=given.face,
            mirrored=given.mirrored,
            maps=given.maps if ANSWER in wanted else "none",
            strict=given.strict,
        )
        found = analysis.examination
        grades = [] if found.grade is None else [found.grade]
        tensors = [
            numbers(
                "grade_probabilities",
                np.array([grade.probabilities for grade in grades], np.float32).reshape(-1, len(HOUSE_BRACKMANN)),
            ),
            numbers("expected", np.array([grade.expected for grade in grades], np.float32)),
            numbers("side_probabilities", np.asarray(found.side_probabilities, np.float32)[None]),
        ]
        if ANSWER in wanted:
            answer = AssessmentAnswer.of(analysis, model=self._model, request_id=request.state.request_id)
            tensors.append(text(ANSWER, answer.model_dump_json()))
        return [tensor for tensor in tensors if tensor.name in wanted]
