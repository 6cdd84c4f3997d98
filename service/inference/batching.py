"""Calls from many threads -> batches of one graph. For a GPU, where a batch of 32 takes hardly longer than one image;
on a CPU core a batch is only as fast as its images one by one, and its first image waits for the last.

Nothing is delayed to make batches larger: while one batch runs, the calls that come in become the next. The published
batchers (`batched` 0.1.5 and its like) fail a whole batch for one bad input and have no bound on what waits.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from service.inference.errors import BatchQueueFull
from service.inference.session import Array, Session


@dataclass(eq=False)
class _Call:
    inputs: Mapping[str, Array]
    outputs: Future[dict[str, Array]] = field(default_factory=Future)


class BatchingSession:
    """A session on top of another one, for callers with one image each.

    batch_max: images in a batch. queue_max: calls that wait while a batch runs; what comes beyond is refused with
    BatchQueueFull. Rows keep their callers: an answer is always that of the caller's own image.
    """

    def __init__(self, session: Session, *, batch_max: int = 32, queue_max: int = 256) -> None:
        if batch_max < 1 or queue_max < 1:
            raise ValueError(f"batch_max and queue_max must be at least 1, got {batch_max} and {queue_max}")
        self._session = session
        self._batch_max = batch_max
        self._calls: queue.Queue[_Call | None] = queue.Queue(queue_max)
        self._closed = False
        self._door = threading.Lock()  # nothing enters behind the mark that `close` leaves in the queue
        self._thread = threading.Thread(target=self._serve, name="batching", daemon=True)
        self._thread.start()

    def submit(self, inputs: Mapping[str, Array]) -> Future[dict[str, Array]]:
        """A future of the answer; one that is cancelled before its batch begins is not computed.

        inputs: arrays with a leading axis of 1. Raises BatchQueueFull, and RuntimeError after `close`.
        """
        if any(len(array) != 1 for array in inputs.values()):
            raise ValueError("a call brings one image: arrays with a leading axis of 1")
        call = _Call(inputs)
        with self._door:
            if self._closed:
                raise RuntimeError("this BatchingSession is closed")
            try:
                self._calls.put_nowait(call)
            except queue.Full:
                raise BatchQueueFull(f"{self._calls.maxsize} calls wait for the device already") from None
        return call.outputs

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """As Session.run; waits for the batch. Raises what the graph raises for this image alone."""
        return self.submit(inputs).result()

    def close(self) -> None:
        """Answer what waits, then stop. Safe to call twice."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._calls.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (batch := self._next_batch()) is not None:
            self._answer([call for call in batch if call.outputs.set_running_or_notify_cancel()])

    def _next_batch(self) -> list[_Call] | None:
        """What waits, at most batch_max; None once closed and empty."""
        first = self._calls.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < self._batch_max:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                break
            if call is None:
                self._calls.put(None)  # for the next turn, when this batch is answered
                break
            batch.append(call)
        return batch

    def _answer(self, batch: list[_Call]) -> None:
        if not batch:
            return
        try:
            inputs = {name: np.concatenate([call.inputs[name] for call in batch]) for name in batch[0].inputs}
            outputs = self._session.run(inputs)
        except Exception as error:
            if len(batch) == 1:
                batch[0].outputs.set_exception(error)
                return
            # One image must not fail the others: each gets the answer, or the error, that it gets alone.
            for call in batch:
                self._answer([call])
            return
        for row, call in enumerate(batch):
            call.outputs.set_result({name: array[row : row + 1] for name, array in outputs.items()})
