"""Wall time of the stages of one analysis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Stopwatch:
    """timings_ms: milliseconds by stage in the order of their first run; a stage that runs twice adds up."""

    def __init__(self) -> None:
        self._started = perf_counter()
        self.timings_ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = perf_counter()
        try:
            yield
        finally:
            self.timings_ms[name] = self.timings_ms.get(name, 0.0) + 1e3 * (perf_counter() - started)

    def finish(self) -> dict[str, float]:
        """All stages and `total`, the time since the stopwatch was made."""
        return {**self.timings_ms, "total": 1e3 * (perf_counter() - self._started)}
