"""What a worker holds for its whole life, and how handlers get it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, TypedDict, TypeVar

from fastapi import Depends, Request

from face.palsy.assessment.session_model import SessionModel
from face.vocabulary import Task
from service.analysis.microexpression import MicroexpressionAnalyzer
from service.analysis.models import LoadedModel, LoadedModels
from service.analysis.palsy import PalsyAnalyzer
from service.api.errors import RequestError
from service.audit.store import AuditSink
from service.clips.room import ClipRoom
from service.fhir.code_system import Codes
from service.observability.metrics import Metrics
from service.operations import Drain, Operations

AnalyzerT = TypeVar("AnalyzerT")


@dataclass(frozen=True, eq=False)
class Worker:
    """models: loaded and warmed up. left_out: folders of those that cannot be served. executor: the threads that
    analyse. pictures: the threads that read an examination's pictures; apart, so that an analysis that waits for them
    holds none of them. clips: what clips need. audit: None if it was switched off. fhir_codes: what FHIR answers are
    written in."""

    models: LoadedModels
    left_out: tuple[str, ...]
    executor: ThreadPoolExecutor
    pictures: ThreadPoolExecutor
    clips: ClipRoom
    metrics: Metrics
    audit: AuditSink | None
    drain: Drain
    fhir_codes: Codes


class LifespanState(TypedDict):
    """`operations` is there for the server, which drains and reloads at signals."""

    worker: Worker
    operations: Operations


# Dependencies are coroutines: plain functions would be run in a thread, at the price of two changes of threads each.
async def _worker(request: Request) -> Worker:
    worker: Worker = request.state.worker
    return worker


CurrentWorker = Annotated[Worker, Depends(_worker)]


def _loaded(model: LoadedModel[AnalyzerT] | None, task: Task, worker: Worker) -> LoadedModel[AnalyzerT]:
    """RequestError `model-not-loaded` where the service runs without a model for the task."""
    if model is None:
        raise RequestError(
            "model-not-loaded",
            f"This service runs without a model for {task!r}; it has {', '.join(worker.models.tasks()) or 'none'}.",
        )
    return model


async def _palsy(worker: CurrentWorker) -> LoadedModel[PalsyAnalyzer]:
    return _loaded(worker.models.palsy, "palsy", worker)


async def _microexpression(worker: CurrentWorker) -> LoadedModel[MicroexpressionAnalyzer]:
    return _loaded(worker.models.microexpression, "microexpression", worker)


# How a handler gets its model: with the type of its analyzer, so that a wrong call of it fails the type check.
PalsyModel = Annotated[LoadedModel[PalsyAnalyzer], Depends(_palsy)]
MicroexpressionModel = Annotated[LoadedModel[MicroexpressionAnalyzer], Depends(_microexpression)]


def session_model(worker: Worker) -> SessionModel | None:
    """The network of examinations, None where this service has none."""
    loaded = worker.models.palsy_session
    return None if loaded is None else loaded.analyzer.model


async def _session_model(worker: CurrentWorker) -> SessionModel | None:
    return session_model(worker)


CurrentSessionModel = Annotated[SessionModel | None, Depends(_session_model)]
