"""What the analysing routes have in common: run in a thread, count, tell the log how long each stage took."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from fastapi import Request

from face.errors import PreprocessingError
from face.frame.quality import Quality
from service.admission.byte_budget import NoRoomNow
from service.analysis.models import AnyModel
from service.api.state import Worker
from service.audit.entry import AuditEntry, hash_image
from service.audit.store import AuditUnavailable
from service.clips.errors import ClientLeft, ClipsBusy

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Summary:
    """The part of an answer that may be counted and recorded: no image, no landmark. probability and quality: None
    where there is none, or where the caller reads the model's outputs for themselves."""

    label: str
    probability: float | None
    probabilities: Mapping[str, float]
    quality: Quality | None
    timings_ms: Mapping[str, float]


async def analyse(
    request: Request,
    worker: Worker,
    model: AnyModel,
    images: Sequence[bytes],
    work: Callable[[], ResultT],
    *,
    summarise: Callable[[ResultT], Summary],
    task: str | None = None,
    executor: Executor | None = None,
) -> ResultT:
    """Run `work` in one of the worker's analysis threads; count and record its answer or its refusal.

    The record is written before this returns: an answer without its record never leaves. images: in the order of the
    form's fields. task: under which it is counted and recorded, where it is not the model's own. executor: other
    threads than those that analyse photographs. The exceptions of `work` pass through; AuditUnavailable if the record
    cannot be written. How many get here at the same time is decided before, by the admission middleware.
    """
    record = _Recorder(request, worker, model, images, task=task or model.task)

    def run() -> tuple[ResultT, Summary]:
        try:
            result = work()
        except PreprocessingError as refusal:
            record.write(refusal=refusal.code)
            raise
        summary = summarise(result)
        record.write(label=summary.label, probabilities=dict(summary.probabilities))
        return result, summary

    context = contextvars.copy_context()
    try:
        result, summary = await asyncio.get_running_loop().run_in_executor(
            executor or worker.executor, partial(context.run, run)
        )
    except PreprocessingError as refusal:
        worker.metrics.observe_refusal(task=task or model.task, reason=refusal.code)
        raise
    except AuditUnavailable:
        worker.metrics.audit_failures.inc()
        raise
    except NoRoomNow:
        worker.metrics.reject("memory")
        raise
    except ClipsBusy:
        worker.metrics.reject("queue-wait")
        raise
    except ClientLeft:
        worker.metrics.reject("disconnected")
        raise
    worker.metrics.observe_answer(
        task=task or model.task,
        label=summary.label,
        probability=summary.probability,
        timings_ms=summary.timings_ms,
        quality={} if summary.quality is None else vars(summary.quality),
    )
    request.state.stages_ms = dict(summary.timings_ms)
    return result


class _Recorder:
    """Writes one request's audit record; does nothing where the audit is switched off."""

    def __init__(
        self, request: Request, worker: Worker, model: AnyModel, images: Sequence[bytes], *, task: str
    ) -> None:
        self._task = task
        self._audit = worker.audit
        self._request = request
        self._model = model
        self._images = images

    def write(
        self,
        *,
        label: str | None = None,
        probabilities: dict[str, float] | None = None,
        refusal: str | None = None,
    ) -> None:
        if self._audit is None:
            return
        manifest = self._model.bundle.manifest
        self._audit.write(
            AuditEntry(
                request_id=self._request.state.request_id,
                key_id=self._request.state.request_context.key_id,
                task=self._task,
                model_name=manifest.name,
                model_version=manifest.version,
                model_sha256=self._model.sha256,
                image_sha256=tuple(hash_image(image) for image in self._images),
                label=label,
                probabilities=probabilities,
                refusal=refusal,
            )
        )
