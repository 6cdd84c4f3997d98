"""Pictures as inputs of a pipeline: BYTES, the file as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from service.analysis.models import AnyModel
from service.oip.inference_request import Inference
from service.oip.metadata import ModelMetadata, TensorMetadata
from service.oip.tensors import BadTensor, Datatype

# The whole answer of the REST endpoint, as JSON.
ANSWER = "answer"


def pipeline_metadata(
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


def one_of_each(asked: Inference, names: Sequence[str]) -> list[bytes]:
    """Raises BadTensor where one is missing."""
    found = some_of(asked, names)
    for name in names:
        if name not in found:
            raise BadTensor(f"The input {name!r} is missing.")
    return [found[name][0] for name in names]


def some_of(asked: Inference, names: Sequence[str], *, repeated: str | None = None) -> dict[str, list[bytes]]:
    """Those that were sent, one of each; repeated: the name of an input that may hold several.

    Raises BadTensor for another name, datatype or shape.
    """
    known = [*names, *([repeated] if repeated else [])]
    unknown = asked.tensors.keys() - set(known)
    if unknown:
        raise BadTensor(f"There is no input {min(unknown)!r}; there are {', '.join(known)}.")
    for name, tensor in asked.tensors.items():
        wanted = "[-1], the picture files" if name == repeated else "[1], the picture file"
        if tensor.datatype != "BYTES" or len(tensor.shape) != 1 or (name != repeated and tensor.shape != (1,)):
            raise BadTensor(f"The input {name!r} is {tensor.datatype} {list(tensor.shape)}; wanted is BYTES {wanted}.")
    return {name: list(tensor.elements()) for name, tensor in asked.tensors.items()}
