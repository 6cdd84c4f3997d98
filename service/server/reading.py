"""Whether a client still reads its answer."""

from __future__ import annotations

import asyncio
from asyncio.events import TimerHandle

from service.admission.body import LEAST_BYTES_PER_S


class ReadingWatch:
    """Cuts a client that leaves its answer lying. One that reads it over a slow network keeps its connection: each time
    that it has read LEAST_BYTES_PER_S over `timeout_s`, it has as long again."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, timeout_s: float) -> None:
        self._loop, self._timeout_s = loop, timeout_s
        self._timer: TimerHandle | None = None

    def begin(self, transport: asyncio.Transport) -> None:
        """It does not read as fast as we write."""
        self.end()
        unread = transport.get_write_buffer_size()
        self._timer = self._loop.call_later(self._timeout_s, self._is_late, transport, unread)

    def end(self) -> None:
        """It caught up, or is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_late(self, transport: asyncio.Transport, unread_before: int) -> None:
        if unread_before - transport.get_write_buffer_size() < LEAST_BYTES_PER_S * self._timeout_s:
            transport.abort()
        else:
            self.begin(transport)
