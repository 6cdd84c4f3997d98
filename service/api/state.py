"""What a worker holds for its whole life, and how handlers get it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, TypedDict

from fastapi import Depends, Request

from service.analysis.models import LoadedModel
from service.api.errors import RequestError
from service.inference.manifest import Task
from service.observability.metrics import Metrics


@dataclass
class Readiness:
    """loaded: every model is loaded and warmed up. draining: the worker takes no new work (set on SIGTERM)."""

    loaded: bool = False
    draining: bool = False

    @property
    def is_ready(self) -> bool:
        return self.loaded and not self.draining


@dataclass(frozen=True, eq=False)
class Worker:
    """The lifespan state: models by task, the threads that analyse, metrics, readiness."""

    models: Mapping[Task, LoadedModel]
    executor: ThreadPoolExecutor
    metrics: Metrics
    readiness: Readiness = field(default_factory=Readiness)


class LifespanState(TypedDict):
    worker: Worker


def _worker(request: Request) -> Worker:
    worker: Worker = request.state.worker
    return worker


CurrentWorker = Annotated[Worker, Depends(_worker)]


def loaded_model(task: Task) -> Callable[[Worker], LoadedModel]:
    """Dependency: the model of a task. RequestError `model-not-loaded` where the service runs without one."""

    def of_worker(worker: CurrentWorker) -> LoadedModel:
        if task not in worker.models:
            raise RequestError(
                "model-not-loaded",
                f"This service runs without a model for {task!r}; it has {', '.join(worker.models) or 'none'}.",
            )
        return worker.models[task]

    return of_worker
