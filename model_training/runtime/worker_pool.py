"""Worker processes that end with the block that started them, at once where it ends by Ctrl-C or an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from typing import Any


@contextmanager
def spawned_workers(
    processes: int, *, initializer: Callable[..., object] | None = None, initargs: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """A pool. Work is lost where it is ended at once, so that what workers write must be whole or not there.

    spawn: a forked copy of a process that has started threads of MediaPipe or torch can hang. Submit inside
    `children_ignore_ctrl_c`, as a worker starts when there is work for it.
    """
    others = set(active_children())
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=initializer, initargs=initargs)
    try:
        yield pool
    except BaseException:
        for worker in set(active_children()) - others:
            worker.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
