"""Places for analyses: a few that run, a short queue, and a clear no."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


class GateFull(Exception):
    """All places and the whole queue are taken."""


class WaitedTooLong(Exception):
    """A place did not come free within the queue's time limit."""


@dataclass(frozen=True)
class GateLimits:
    """Limits of one worker.

    ``running_max`` analyses run at the same time; ``queue_max`` wait, each for at most ``queue_wait_s`` seconds;
    ``uploads_max`` bodies are read at the same time.
    """

    running_max: int
    queue_max: int
    queue_wait_s: float
    uploads_max: int

    def __post_init__(self) -> None:
        if self.running_max < 1 or self.uploads_max < 1 or self.queue_max < 0 or self.queue_wait_s <= 0:
            raise ValueError(f"limits must be positive: {self}")


class Gate:
    """First come, first served, in one event loop.

    A place is held until ``leave`` is called, which the caller does when the work has really ended, and not when the
    client has gone: a thread that still computes still uses its core.
    """

    def __init__(self, limits: GateLimits) -> None:
        self.limits = limits
        self.running = 0
        self.uploads = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def queued(self) -> int:
        """Number of requests that wait."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether a request that came now would be refused."""
        return self.running >= self.limits.running_max and len(self._waiting) >= self.limits.queue_max

    async def enter(self) -> None:
        """Take a place, waiting for it if there is a queue.

        Raises GateFull at once if the queue is full, WaitedTooLong after ``queue_wait_s``. Cancelling the caller gives
        the place in the queue back.
        """
        if self.running < self.limits.running_max and not self._waiting:
            self.running += 1
            return
        if len(self._waiting) >= self.limits.queue_max:
            raise GateFull
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()
        self._waiting.append(place)
        timer = loop.call_later(self.limits.queue_wait_s, _give_up(place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                # The place came in the same turn of the loop as the cancellation: pass it on.
                self.leave()
            raise
        finally:
            timer.cancel()
            if place in self._waiting:
                self._waiting.remove(place)

    def leave(self) -> None:
        """Give a place back; the first in the queue gets it."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.running -= 1


def _give_up(place: asyncio.Future[None]) -> Callable[[], None]:
    def give_up() -> None:
        if not place.done():
            place.set_exception(WaitedTooLong())

    return give_up
