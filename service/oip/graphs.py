"""A bundle's graph itself: tensors in, tensors out, for a transformer that prepares the photographs elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from fastapi import Request

from service.analysis.models import AnyModel
from service.api.analysing import Summary, analyse
from service.api.state import Worker
from service.inference.batching import BatchingSession
from service.inference.errors import NonFiniteOutput
from service.inference.manifest import TensorSpec
from service.oip.inference_request import Inference
from service.oip.metadata import ModelMetadata, TensorMetadata
from service.oip.selection import no_options, wanted_outputs
from service.oip.tensors import BadTensor, Datatype, Tensor, numbers

# Rows of one request: what a few hundred milliseconds of a core can do.
ROWS_MAX = 64
# Nobody has read a grade from the tensors: this is what audit and metrics have in its place.
LABEL = "tensors"

_DATATYPES: dict[str, Datatype] = {"uint8": "UINT8", "float32": "FP32"}


class GraphModel:
    """Rows of tensors; no photograph is looked at, so no quality is measured and nobody is refused for it."""

    def __init__(self, model: AnyModel) -> None:
        self._model = model

    @cached_property
    def metadata(self) -> ModelMetadata:
        manifest = self._model.bundle.manifest
        return ModelMetadata(
            name=manifest.name,
            versions=[manifest.version],
            platform="onnxruntime_onnx",
            inputs=[_described(tensor) for tensor in manifest.input.tensors],
            outputs=[_described(tensor) for tensor in manifest.outputs],
        )

    async def infer(self, asked: Inference, request: Request, worker: Worker) -> Sequence[Tensor]:
        no_options(asked, name=self.metadata.name)
        wanted = wanted_outputs(asked, [tensor.name for tensor in self.metadata.outputs])
        inputs = self._inputs(asked)

        def run() -> dict[str, npt.NDArray[Any]]:
            try:
                return self._run(inputs)
            except NonFiniteOutput as error:
                raise BadTensor(f"For these tensors {error}; send what the manifest's input.spec describes.") from error

        outputs = await analyse(
            request,
            worker,
            self._model,
            [inputs[tensor.name].tobytes() for tensor in self._model.bundle.manifest.input.tensors],
            run,
            summarise=lambda _: Summary(label=LABEL, probability=None, probabilities={}, quality=None, timings_ms={}),
        )
        return [numbers(name, outputs[name]) for name in wanted]

    def _inputs(self, asked: Inference) -> dict[str, npt.NDArray[Any]]:
        described = self.metadata.inputs
        unknown = asked.tensors.keys() - {tensor.name for tensor in described}
        if unknown:
            raise BadTensor(
                f"{self.metadata.name} has no input {min(unknown)!r}; "
                f"it reads {' and '.join(repr(tensor.name) for tensor in described)}."
            )
        arrays: dict[str, npt.NDArray[Any]] = {}
        for tensor in described:
            given = asked.tensors.get(tensor.name)
            if given is None:
                raise BadTensor(f"The input {tensor.name!r} is missing.")
            fits = len(given.shape) == len(tensor.shape) and all(
                size in (-1, sent) for size, sent in zip(tensor.shape, given.shape, strict=True)
            )
            if given.datatype != tensor.datatype or not fits:
                raise BadTensor(
                    f"The input {tensor.name!r} is {given.datatype} {list(given.shape)}; "
                    f"wanted is {tensor.datatype} {tensor.shape}, where -1 is any length."
                )
            array = given.array()
            if not np.isfinite(array).all():
                raise BadTensor(f"The input {tensor.name!r} holds values that are not finite.")
            arrays[tensor.name] = array
        rows = {name: len(array) for name, array in arrays.items()}
        if len(set(rows.values())) > 1 or not 1 <= next(iter(rows.values())) <= ROWS_MAX:
            raise BadTensor(f"All inputs must have the same number of rows, 1 to {ROWS_MAX}; there are {rows}.")
        return arrays

    def _run(self, inputs: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        session = self._model.session
        if not isinstance(session, BatchingSession):
            return session.run(inputs)
        # It makes batches of its own, of everybody's rows.
        count = len(next(iter(inputs.values())))
        rows = [session.submit({name: array[row : row + 1] for name, array in inputs.items()}) for row in range(count)]
        answers = [row.result() for row in rows]
        return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def _described(tensor: TensorSpec) -> TensorMetadata:
    return TensorMetadata(
        name=tensor.name,
        datatype=_DATATYPES[tensor.dtype],
        shape=[-1, *(-1 if size is None else size for size in tensor.shape)],
    )
