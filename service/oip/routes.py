"""/v2: health, metadata and inference. Errors are the protocol's, from the one table in service.problems."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from face.version import VERSION
from service.api.errors import RequestError
from service.api.state import CurrentWorker, Worker
from service.oip.inference_answer import answer
from service.oip.inference_request import JSON_SIZE_HEADER, InferenceRequest, read_inference
from service.oip.metadata import (
    EXTENSIONS,
    InferenceAnswer,
    InferenceError,
    ModelMetadata,
    ModelReady,
    ServerLive,
    ServerMetadata,
    ServerReady,
)
from service.oip.served import ServedModel, ServedModels
from service.problems import INFERENCE_PATH, PROBLEMS, status_of

MODEL_PATH = "/models/{model_name}"
VERSION_PATH = f"{MODEL_PATH}/versions/{{model_version}}"
# Templates of what is analysed.
INFER_PATHS = tuple(f"{INFERENCE_PATH}{path}/infer" for path in (MODEL_PATH, VERSION_PATH))

TITLE = "htnet-clinical"

router = APIRouter(prefix=INFERENCE_PATH, tags=["open inference protocol"])


def _errors(*codes: str) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route: one entry for each status."""
    # With a default FastAPI describes no 422 of its own, which is not the protocol's.
    found: dict[int | str, dict[str, Any]] = {"default": {"model": InferenceError, "description": "Any other refusal"}}
    for code in codes:
        empty = {"model": InferenceError, "description": "", "content": {"application/json": {"examples": {}}}}
        entry = found.setdefault(status_of(code, INFERENCE_PATH), empty)
        title = PROBLEMS[code].title
        entry["description"] = "; ".join(filter(None, [entry["description"], f"`{code}`: {title}"]))
        entry["content"]["application/json"]["examples"][code] = {
            "value": {"error": f"{title}.", "code": code, "request_id": "0f8fad5bd9cb469fa16570867728950e"}
        }
    return found


_ASKED = ("unauthorized", "not-found", "rate-limited", "internal-error")
_INFERRED = (
    *_ASKED, "invalid-parameters", "empty-image", "undecodable-image", "request-timeout", "image-too-large",
    "unsupported-media-type", "no-face", "multiple-faces", "face-too-small", "face-turned-away", "out-of-distribution",
    "different-faces", "no-motion", "no-usable-picture", "different-people", "overloaded", "audit-unavailable",
)  # fmt: skip


async def _served(worker: CurrentWorker) -> ServedModels:
    return ServedModels.of(worker.models)


async def _model(
    model_name: Annotated[str, Path(description="One of those that `GET /v2` lists.")],
    served: Annotated[ServedModels, Depends(_served)],
) -> ServedModel:
    model = served.by_name.get(model_name)
    if model is None:
        raise RequestError(
            "not-found", f"There is no model of this name here; there are {', '.join(served.by_name) or 'none'}."
        )
    return model


async def _version(
    model_version: Annotated[str, Path(description="The bundle's version.")],
    model: Annotated[ServedModel, Depends(_model)],
) -> ServedModel:
    (version,) = model.metadata.versions
    if model_version != version:
        raise RequestError("not-found", f"{model.metadata.name} is here in version {version} only.")
    return model


Served = Annotated[ServedModels, Depends(_served)]
Model = Annotated[ServedModel, Depends(_model)]
Version = Annotated[ServedModel, Depends(_version)]


@router.get("", summary="Name, version and extensions of the server", responses=_errors(*_ASKED))
async def server_metadata(served: Served) -> ServerMetadata:
    return ServerMetadata(name=TITLE, version=VERSION, extensions=list(EXTENSIONS), models=list(served.by_name))


@router.get("/health/live", summary="The process answers")
async def server_live() -> ServerLive:
    return ServerLive()


@router.get("/health/ready", summary="New inferences are taken", responses=_errors("not-ready"))
async def server_ready(worker: CurrentWorker) -> ServerReady:
    if worker.drain.started:
        raise RequestError("not-ready", "This worker is shutting down and takes no new work.")
    return ServerReady()


@router.get(MODEL_PATH, summary="Inputs and outputs of a model", responses=_errors(*_ASKED))
async def model_metadata(model: Model) -> ModelMetadata:
    return model.metadata


@router.get(VERSION_PATH, summary="Inputs and outputs of a version of a model", responses=_errors(*_ASKED))
async def version_metadata(model: Version) -> ModelMetadata:
    return model.metadata


@router.get(f"{MODEL_PATH}/ready", summary="A model is loaded", responses=_errors(*_ASKED))
async def model_ready(model: Model) -> ModelReady:
    return ModelReady(name=model.metadata.name)


@router.get(f"{VERSION_PATH}/ready", summary="A version of a model is loaded", responses=_errors(*_ASKED))
async def version_ready(model: Version) -> ModelReady:
    return ModelReady(name=model.metadata.name)


_INFER: dict[str, Any] = {
    "response_model": InferenceAnswer,
    "response_model_exclude_none": True,
    "responses": {
        200: {
            "description": "Tensors in JSON, or behind it where they were asked for as bytes.",
            "headers": {
                "Inference-Header-Content-Length": {
                    "description": "Bytes of JSON before the tensors.",
                    "schema": {"type": "integer"},
                }
            },
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        **_errors(*_INFERRED),
    },
    "openapi_extra": {
        "parameters": [
            {
                "name": "Inference-Header-Content-Length",
                "in": "header",
                "required": False,
                "description": "Bytes of JSON at the beginning of the body, where tensors follow it as bytes.",
                "schema": {"type": "integer", "minimum": 0},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/InferenceRequest"}},
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            },
        },
    },
}


@router.post(f"{MODEL_PATH}/infer", summary="Ask a model", **_INFER)
async def infer(request: Request, model: Model, worker: CurrentWorker) -> Response:
    return await _infer(request, model, worker)


@router.post(f"{VERSION_PATH}/infer", summary="Ask a version of a model", **_INFER)
async def infer_version(request: Request, model: Version, worker: CurrentWorker) -> Response:
    return await _infer(request, model, worker)


async def _infer(request: Request, model: ServedModel, worker: Worker) -> Response:
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise RequestError(
            "unsupported-media-type",
            f"The body is compressed ({encoding[:24]!r}); send it as it is: pictures gain nothing.",
        )
    read = partial(read_inference, await request.body(), json_size=request.headers.get(JSON_SIZE_HEADER))
    # In a thread: a body may hold megabytes of numbers as text.
    asked = await asyncio.get_running_loop().run_in_executor(worker.executor, read)
    outputs = await model.infer(asked, request, worker)
    told = model.metadata
    return answer(outputs, asked, model_name=told.name, model_version=told.versions[0])


def component_schemas() -> dict[str, Any]:
    """The request's schema for the OpenAPI description, which no handler's signature shows."""
    schema = InferenceRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    parts: dict[str, Any] = schema.pop("$defs", {})
    return {**parts, "InferenceRequest": schema}
