"""The body of POST /v2/models/.../infer -> tensors, options and the outputs that are wanted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.oip.tensors import DIMENSIONS_MAX, BadTensor, Datatype, Tensor, from_bytes, from_json

# Header field with the size of the JSON where tensors follow it.
JSON_SIZE_HEADER = "inference-header-content-length"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, protected_namespaces=())


class InputParameters(_Strict):
    """binary_data_size: bytes of this tensor behind the JSON. content_type: `base64` for BYTES whose strings are it."""

    binary_data_size: Annotated[int | None, Field(ge=0)] = None
    content_type: str | None = None


class RequestInput(_Strict):
    """data: flat or nested in row-major order; left out where `binary_data_size` says that bytes follow the JSON."""

    name: str
    shape: Annotated[list[Annotated[int, Field(ge=0, le=2**31)]], Field(max_length=DIMENSIONS_MAX)]
    datatype: Datatype
    parameters: InputParameters = InputParameters()
    data: list[Any] | None = None


class OutputParameters(_Strict):
    """binary_data: this output as bytes behind the answer's JSON."""

    binary_data: bool | None = None


class RequestOutput(_Strict):
    name: str
    parameters: OutputParameters = OutputParameters()


class RequestParameters(BaseModel):
    """binary_data_output: all outputs as bytes behind the answer's JSON. Further ones are options of the model."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    binary_data_output: bool = False


class InferenceRequest(_Strict):
    """As the Open Inference Protocol has it. outputs: left out, all come."""

    id: Annotated[str | None, Field(max_length=256)] = None
    parameters: RequestParameters = RequestParameters()
    inputs: Annotated[list[RequestInput], Field(min_length=1, max_length=32)]
    outputs: Annotated[list[RequestOutput] | None, Field(max_length=32)] = None


@dataclass(frozen=True, eq=False)
class Inference:
    """A request that was read. options: its parameters that the protocol does not know. outputs: name -> whether as
    bytes; None: all, in the way that `binary` says."""

    id: str | None
    tensors: dict[str, Tensor]
    options: dict[str, Any]
    outputs: dict[str, bool] | None
    binary: bool


def read_inference(body: bytes, *, json_size: str | None) -> Inference:
    """json_size: the header field JSON_SIZE_HEADER, where there is one.

    Raises BadTensor, also for JSON that is not the protocol's.
    """
    head = body[: _json_size(body, json_size)]
    try:
        request = InferenceRequest.model_validate_json(head)
    except ValidationError as error:
        raise BadTensor(_sentence(error)) from error
    tensors: dict[str, Tensor] = {}
    at = len(head)
    for given in request.inputs:
        if given.name in tensors:
            raise BadTensor(f"The input {given.name!r} came twice.")
        size = given.parameters.binary_data_size
        if (size is None) == (given.data is None):
            raise BadTensor(
                f"The input {given.name!r} must have either 'data' or the parameter 'binary_data_size', and not both."
            )
        if given.parameters.content_type not in (None, "base64") or (
            given.parameters.content_type and (given.datatype != "BYTES" or size is not None)
        ):
            raise BadTensor(
                f"The input {given.name!r} has the content_type {given.parameters.content_type!r}; "
                "there is only 'base64', for BYTES in JSON."
            )
        shape = tuple(given.shape)
        if size is None:
            tensors[given.name] = from_json(
                given.name,
                given.datatype,
                shape,
                given.data or [],
                is_base64=given.parameters.content_type == "base64",
            )
            continue
        if at + size > len(body):
            raise BadTensor(
                f"The input {given.name!r} announces {size:,} bytes behind the JSON; {len(body) - at:,} are left."
            )
        tensors[given.name] = from_bytes(given.name, given.datatype, shape, body[at : at + size])
        at += size
    if at != len(body):
        raise BadTensor(f"Behind the tensors {len(body) - at:,} bytes are left that no input announces.")
    binary = request.parameters.binary_data_output
    outputs = None
    if request.outputs is not None:
        outputs = {
            wanted.name: binary if wanted.parameters.binary_data is None else wanted.parameters.binary_data
            for wanted in request.outputs
        }
    options = dict(request.parameters.model_extra or {})
    return Inference(id=request.id, tensors=tensors, options=options, outputs=outputs, binary=binary)


def _json_size(body: bytes, given: str | None) -> int:
    if given is None:
        return len(body)
    if not re.fullmatch(r"[0-9]{1,12}", given) or int(given) > len(body):
        raise BadTensor(
            f"Inference-Header-Content-Length is {given[:24]!r}; it must be the number of bytes of JSON at the "
            f"beginning of the body, which has {len(body):,}."
        )
    return int(given)


def _sentence(error: ValidationError) -> str:
    """Where and what, without the value: it may be part of a photograph."""
    parts = [
        f"{'.'.join(str(part) for part in fault['loc']) or 'the body'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False, include_context=False)[:5]
    ]
    return f"The JSON is not an inference request ({'; '.join(parts)})."
