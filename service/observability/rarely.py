"""Say at most once in a while what may happen a thousand times a second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping


class Rarely:
    """Logs a line at most once in ``every_s`` seconds, with how many were kept back since the last one.

    One object for each thing that can go wrong; from any thread.
    """

    def __init__(
        self, logger: logging.Logger, *, every_s: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._logger = logger
        self._every_s = every_s
        self._clock = clock
        self._lock = threading.Lock()
        self._said_at: float | None = None
        self._kept_back = 0

    def say(self, level: int, message: str, *values: object, extra: Mapping[str, object] | None = None) -> None:
        """Log the line, or keep it back."""
        with self._lock:
            now = self._clock()
            if self._said_at is not None and now - self._said_at < self._every_s:
                self._kept_back += 1
                return
            kept_back, self._kept_back, self._said_at = self._kept_back, 0, now
        if kept_back:
            message += f" ({kept_back} more such lines were kept back)"
        self._logger.log(level, message, *values, extra=extra)
