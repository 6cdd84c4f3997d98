"""What the analysing routes have in common: run in a thread, count, tell the log how long each stage took."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import TypeVar

from fastapi import Request

from service.api.state import Worker
from service.inference.manifest import Task
from service.preprocessing.errors import PreprocessingError
from service.preprocessing.quality import Quality

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Summary:
    """The part of an answer that may be counted and recorded: no image, no landmark."""

    label: str
    probability: float
    probabilities: Mapping[str, float]
    quality: Quality
    timings_ms: Mapping[str, float]


async def analyse(
    request: Request,
    worker: Worker,
    task: Task,
    work: Callable[[], ResultT],
    *,
    summarise: Callable[[ResultT], Summary],
) -> ResultT:
    """Run `work` in one of the worker's analysis threads. Its exceptions pass through, refusals are counted.

    How many get here at the same time is decided before, by the admission middleware.
    """
    context = contextvars.copy_context()
    try:
        result = await asyncio.get_running_loop().run_in_executor(worker.executor, partial(context.run, work))
    except PreprocessingError as refusal:
        worker.metrics.observe_refusal(task=task, reason=refusal.code)
        raise
    summary = summarise(result)
    worker.metrics.observe_answer(
        task=task,
        label=summary.label,
        probability=summary.probability,
        timings_ms=summary.timings_ms,
        quality=asdict(summary.quality),
    )
    request.state.stages_ms = dict(summary.timings_ms)
    return result
