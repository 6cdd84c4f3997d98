"""Probes and metrics, without a version in their paths because orchestrators look for them here."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from face.vocabulary import Task
from service.api.errors import RequestError, problem_responses
from service.api.schemas.shared import Schema
from service.api.state import CurrentWorker
from service.observability.metrics import CONTENT_TYPE

router = APIRouter(tags=["operation"])


class Alive(Schema):
    status: Literal["alive"] = "alive"


class Ready(Schema):
    status: Literal["ready"] = "ready"
    models: list[Task]
    left_out: list[str] = Field(
        default_factory=list,
        description="Folders of bundles that cannot be served, where HTNET_BROKEN_MODELS=leave-out; the log says why.",
    )


@router.get("/livez", summary="The process answers")
async def livez() -> Alive:
    return Alive()


@router.get(
    "/readyz",
    summary="Every model is loaded and warmed up, and new work is taken",
    responses=problem_responses("not-ready"),
)
async def readyz(worker: CurrentWorker) -> Ready:
    # Before the models are loaded the worker does not listen yet: a probe is refused, which means the same.
    if worker.drain.started:
        raise RequestError("not-ready", "This worker is shutting down and takes no new work.")
    return Ready(models=worker.models.tasks(), left_out=list(worker.left_out))


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={200: {"description": "Exposition text.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(worker: CurrentWorker) -> Response:
    return Response(worker.metrics.render(), headers={"content-type": CONTENT_TYPE})
