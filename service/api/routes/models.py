"""GET /v1/models and /v1/models/{task}: what answers here, in full."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends

from face.vocabulary import Task
from service.api.errors import RequestError, problem_responses
from service.api.query import refuse_unknown_query
from service.api.schemas.shared import ModelIdentity, Schema
from service.api.state import CurrentWorker

router = APIRouter(prefix="/v1/models", tags=["models"], dependencies=[Depends(refuse_unknown_query)])


class ModelList(Schema):
    models: list[ModelIdentity]


class ModelDetails(Schema):
    """manifest and metrics: the bundle's manifest.json and metrics.json. model_card: Markdown."""

    model: ModelIdentity
    manifest: dict[str, Any]
    metrics: dict[str, Any]
    model_card: str


@router.get("", summary="The models that are loaded", responses=problem_responses("unauthorized", "internal-error"))
async def list_models(worker: CurrentWorker) -> ModelList:
    return ModelList(models=[ModelIdentity.of(model) for model in worker.models])


@router.get(
    "/{task}",
    summary="Manifest, metrics and model card of a task's model",
    responses=problem_responses("unauthorized", "model-not-loaded", "invalid-parameters", "internal-error"),
)
async def get_model(task: Task, worker: CurrentWorker) -> ModelDetails:
    model = worker.models.of(task)
    if model is None:
        raise RequestError("model-not-loaded", f"This service runs without a model for {task!r}.")
    return ModelDetails(
        model=ModelIdentity.of(model),
        manifest=model.bundle.manifest.model_dump(mode="json"),
        metrics=model.bundle.metrics,
        model_card=model.bundle.model_card,
    )
