"""What a worker holds for its whole life, and how handlers get it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, TypedDict

from fastapi import Depends, Request

from service.analysis.models import LoadedModel
from service.api.errors import RequestError
from service.audit.store import AuditSink
from service.inference.manifest import Task
from service.observability.metrics import Metrics
from service.operations import Drain


@dataclass(frozen=True, eq=False)
class Worker:
    """models: by task, loaded and warmed up. executor: the threads that analyse. audit: None if it was switched off."""

    models: Mapping[Task, LoadedModel]
    executor: ThreadPoolExecutor
    metrics: Metrics
    audit: AuditSink | None
    drain: Drain


class LifespanState(TypedDict):
    """`drain` is there for the server, which starts it on SIGTERM."""

    worker: Worker
    drain: Drain


# Dependencies are coroutines: plain functions would be run in a thread, at the price of two changes of threads each.
async def _worker(request: Request) -> Worker:
    worker: Worker = request.state.worker
    return worker


CurrentWorker = Annotated[Worker, Depends(_worker)]


def loaded_model(task: Task) -> Callable[[Worker], Awaitable[LoadedModel]]:
    """Dependency: the model of a task. RequestError `model-not-loaded` where the service runs without one."""

    async def of_worker(worker: CurrentWorker) -> LoadedModel:
        if task not in worker.models:
            raise RequestError(
                "model-not-loaded",
                f"This service runs without a model for {task!r}; it has {', '.join(worker.models) or 'none'}.",
            )
        return worker.models[task]

    return of_worker
