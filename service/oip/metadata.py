"""What the Open Inference Protocol tells about the server and its models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.oip.tensors import Datatype

EXTENSIONS = ("binary_tensor_data",)


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class ServerLive(_Told):
    live: Literal[True] = True


class ServerReady(_Told):
    ready: Literal[True] = True


class ServerMetadata(_Told):
    name: str
    version: str
    extensions: list[str]
    models: Annotated[list[str], Field(description="What can be asked for; the protocol itself has no list.")]


class ModelReady(_Told):
    name: str
    ready: Literal[True] = True


class TensorMetadata(_Told):
    """shape: -1 is an axis of any length."""

    name: str
    datatype: Datatype
    shape: list[int]


class ModelMetadata(_Told):
    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class AnsweredTensor(_Told):
    """data: flat, in row-major order; left out where `parameters.binary_data_size` bytes follow the JSON."""

    name: str
    datatype: Datatype
    shape: list[int]
    data: list[Any] | None = None


class InferenceAnswer(_Told):
    """id: the request's, where it had one."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[AnsweredTensor]


class InferenceError(_Told):
    """error: what was wrong, with the value, and what to do. code: as in the problem details of /v1."""

    error: str
    code: str
    request_id: str
