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

    ``running_max`` pictures are worked on at the same time; requests with ``queue_max`` pictures wait, each for at most
    ``queue_wait_s`` seconds; ``uploads_max`` bodies are read at the same time.
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

    Places are held until ``leave`` is called, which the caller does when the work has really ended, and not when the
    client has gone: a thread that still computes still uses its core. A request with several pictures takes as many
    places, up to all there are; where nothing else waits it may wait, however many pictures it has.
    """

    def __init__(self, limits: GateLimits) -> None:
        self.limits = limits
        self.running = 0
        self.uploads = 0
        self._waiting: deque[_Waiting] = deque()

    @property
    def queued(self) -> int:
        """Number of pictures that wait."""
        return sum(waiting.pictures for waiting in self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether a request that came now would be refused."""
        return self.running >= self.limits.running_max and self.queued >= self.limits.queue_max

    async def enter(self, pictures: int = 1) -> None:
        """Take the places for so many pictures, waiting for them if there is a queue.

        Raises GateFull at once if the queue is full, WaitedTooLong after ``queue_wait_s``. Cancelling the caller gives
        the place in the queue back.
        """
        places = self._places(pictures)
        if self.running + places <= self.limits.running_max and not self._waiting:
            self.running += places
            return
        if self.limits.queue_max == 0 or (self._waiting and self.queued + pictures > self.limits.queue_max):
            raise GateFull
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()
        waiting = _Waiting(place, pictures)
        self._waiting.append(waiting)
        timer = loop.call_later(self.limits.queue_wait_s, _give_up(place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                # The place came in the same turn of the loop as the cancellation: pass it on.
                self.leave(pictures)
            raise
        finally:
            timer.cancel()
            if waiting in self._waiting:
                self._waiting.remove(waiting)
                self._let_in()

    def leave(self, pictures: int = 1) -> None:
        """Give the places for so many pictures back; the first in the queue get them."""
        self.running -= self._places(pictures)
        self._let_in()

    def _let_in(self) -> None:
        """Those at the head of the queue for whom there is room: nobody overtakes a request that needs more of it."""
        while self._waiting:
            first = self._waiting[0]
            places = self._places(first.pictures)
            if not first.place.done() and self.running + places > self.limits.running_max:
                return
            self._waiting.popleft()
            if not first.place.done():
                self.running += places
                first.place.set_result(None)

    def _places(self, pictures: int) -> int:
        return min(pictures, self.limits.running_max)


@dataclass(frozen=True, eq=False)
class _Waiting:
    place: asyncio.Future[None]
    pictures: int


def _give_up(place: asyncio.Future[None]) -> Callable[[], None]:
    def give_up() -> None:
        if not place.done():
            place.set_exception(WaitedTooLong())

    return give_up
