"""From photographs to the answer of the REST endpoint: the same call of the same analysis, in the protocol's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from fastapi import Request
from pydantic import BaseModel, ConfigDict

from face.vocabulary import SIDES, FacePolicy
from service.analysis.microexpression import MicroexpressionAnalyzer
from service.analysis.models import AnyModel, LoadedModel
from service.analysis.palsy import PalsyAnalyzer
from service.api.analysing import analyse
from service.api.routes import microexpression, palsy
from service.api.schemas.microexpression import MicroexpressionAnswer
from service.api.schemas.palsy import PalsyAnswer
from service.api.state import Worker
from service.oip.inference_request import Inference
from service.oip.metadata import ModelMetadata, TensorMetadata
from service.oip.selection import options_of, wanted_outputs
from service.oip.tensors import BadTensor, Datatype, Tensor, numbers, text

# The whole answer of the REST endpoint, as JSON.
ANSWER = "answer"


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
        return _metadata("palsy", self._model, ["image"], outputs)

    async def infer(self, asked: Inference, request: Request, worker: Worker) -> Sequence[Tensor]:
        options = options_of(asked, PalsyOptions)
        wanted = wanted_outputs(asked, [tensor.name for tensor in self.metadata.outputs])
        (image,) = _pictures(asked, ["image"])
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
        return _metadata("microexpression", self._model, ["onset", "apex"], outputs)

    async def infer(self, asked: Inference, request: Request, worker: Worker) -> Sequence[Tensor]:
        options = options_of(asked, PhotographOptions)
        wanted = wanted_outputs(asked, [tensor.name for tensor in self.metadata.outputs])
        onset, apex = _pictures(asked, ["onset", "apex"])
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


def _metadata(
    name: str, model: AnyModel, pictures: Sequence[str], outputs: Mapping[str, tuple[Datatype, list[int]]]
) -> ModelMetadata:
    return ModelMetadata(
        name=name,
        versions=[model.bundle.manifest.version],
        platform="htnet-clinical",
        inputs=[TensorMetadata(name=picture, datatype="BYTES", shape=[1]) for picture in pictures],
        outputs=[
            TensorMetadata(name=output, datatype=datatype, shape=shape) for output, (datatype, shape) in outputs.items()
        ],
    )


def _pictures(asked: Inference, names: Sequence[str]) -> list[bytes]:
    """One picture of each name. Raises BadTensor."""
    unknown = asked.tensors.keys() - set(names)
    if unknown:
        raise BadTensor(f"There is no input {min(unknown)!r}; wanted is {' and '.join(map(repr, names))}.")
    pictures = []
    for name in names:
        tensor = asked.tensors.get(name)
        if tensor is None:
            raise BadTensor(f"The input {name!r} is missing.")
        if tensor.datatype != "BYTES" or tensor.shape != (1,):
            raise BadTensor(
                f"The input {name!r} is {tensor.datatype} {list(tensor.shape)}; wanted is BYTES [1], the picture file."
            )
        pictures.append(tensor.elements()[0])
    return pictures
