"""From photographs to the answer of the REST endpoint: the same call of the same analysis, in the protocol's words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from fastapi import Request
from pydantic import BaseModel, ConfigDict

from face.vocabulary import SIDES, FacePolicy
from service.analysis.microexpression import MicroexpressionAnalyzer
from service.analysis.models import LoadedModel
from service.analysis.palsy import PalsyAnalyzer
from service.api.analysing import analyse
from service.api.routes import microexpression, palsy
from service.api.schemas.microexpression import MicroexpressionAnswer
from service.api.schemas.palsy import PalsyAnswer
from service.api.state import Worker
from service.oip.inference_request import Inference
from service.oip.metadata import ModelMetadata
from service.oip.pictures import ANSWER, one_of_each, pipeline_metadata
from service.oip.selection import options_of, wanted_outputs
from service.oip.tensors import Datatype, Tensor, numbers, text


class PhotographOptions(BaseModel):
    """As the query parameters of the REST endpoints, with the same meaning and defaults."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    face: FacePolicy = "single"
    mirrored: bool = False
    heatmap: bool = True


class PalsyOptions(PhotographOptions):
    roi_maps: bool = False


class PalsyPipeline:
    """POST /v1/palsy/grade as a model."""

    def __init__(self, model: LoadedModel[PalsyAnalyzer]) -> None:
        self._model = model

    @cached_property
    def metadata(self) -> ModelMetadata:
        outputs: dict[str, tuple[Datatype, list[int]]] = {
            "grade_probabilities": ("FP32", [1, len(self._model.analyzer.grades)]),
            "expected": ("FP32", [1]),
            "side_probabilities": ("FP32", [1, len(SIDES)]),
            ANSWER: ("BYTES", [1]),
        }
        return pipeline_metadata("palsy", self._model, ["image"], outputs)

    async def infer(self, asked: Inference, request: Request, worker: Worker) -> Sequence[Tensor]:
        options = options_of(asked, PalsyOptions)
        wanted = wanted_outputs(asked, [tensor.name for tensor in self.metadata.outputs])
        (image,) = one_of_each(asked, ["image"])
        answered = ANSWER in wanted
        analysis = await analyse(
            request,
            worker,
            self._model,
            [image],
            lambda: self._model.analyzer.analyze(
                image,
                face=options.face,
                mirrored=options.mirrored,
                heatmap=options.heatmap and answered,
                roi_maps=options.roi_maps and answered,
            ),
            summarise=palsy.summary_of,
        )
        reading = analysis.reading
        tensors = [
            numbers("grade_probabilities", np.asarray(reading.probabilities, np.float32)[None]),
            numbers("expected", np.array([reading.expected], np.float32)),
            numbers("side_probabilities", np.asarray(reading.side_probabilities, np.float32)[None]),
        ]
        if answered:
            answer = PalsyAnswer.of(analysis, model=self._model, request_id=request.state.request_id)
            tensors.append(text(ANSWER, answer.model_dump_json()))
        return [tensor for tensor in tensors if tensor.name in wanted]


class MicroexpressionPipeline:
    """POST /v1/microexpression/classify as a model."""

    def __init__(self, model: LoadedModel[MicroexpressionAnalyzer]) -> None:
        self._model = model

    @cached_property
    def metadata(self) -> ModelMetadata:
        outputs: dict[str, tuple[Datatype, list[int]]] = {
            "probabilities": ("FP32", [1, len(self._model.analyzer.emotions)]),
            ANSWER: ("BYTES", [1]),
        }
        return pipeline_metadata("microexpression", self._model, ["onset", "apex"], outputs)

    async def infer(self, asked: Inference, request: Request, worker: Worker) -> Sequence[Tensor]:
        options = options_of(asked, PhotographOptions)
        wanted = wanted_outputs(asked, [tensor.name for tensor in self.metadata.outputs])
        onset, apex = one_of_each(asked, ["onset", "apex"])
        answered = ANSWER in wanted
        analysis = await analyse(
            request,
            worker,
            self._model,
            [onset, apex],
            lambda: self._model.analyzer.analyze(
                onset, apex, face=options.face, mirrored=options.mirrored, heatmap=options.heatmap and answered
            ),
            summarise=microexpression.summary_of,
        )
        tensors = [numbers("probabilities", np.array([list(analysis.probabilities.values())], np.float32))]
        if answered:
            answer = MicroexpressionAnswer.of(analysis, model=self._model, request_id=request.state.request_id)
            tensors.append(text(ANSWER, answer.model_dump_json()))
        return [tensor for tensor in tensors if tensor.name in wanted]
