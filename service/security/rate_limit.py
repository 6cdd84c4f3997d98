"""Token buckets, one per key."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

# Buckets are only kept for callers seen lately; without API keys a bucket belongs to a client address.
_BUCKETS_MAX = 10_000


class RateLimiter:
    """At most ``burst`` requests at once and ``per_minute`` on average, for each caller.

    The buckets belong to one worker: the launcher divides both figures by the number of workers, so that all workers
    together never let more through than was set.
    """

    def __init__(self, *, per_minute: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        if per_minute <= 0 or burst < 1:
            raise ValueError(f"per_minute must be positive and burst at least 1, got {per_minute} and {burst}")
        self._per_second = per_minute / 60.0
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller -> (tokens, time)

    def take(self, caller: str) -> float:
        """Take a token. Returns 0.0 if there was one, otherwise the seconds until there will be."""
        tokens, now = self._tokens(caller)
        wait_s = 0.0
        if tokens >= 1.0:
            tokens -= 1.0
        else:
            wait_s = (1.0 - tokens) / self._per_second
        self._keep(caller, tokens, now)
        return wait_s

    def charge(self, caller: str, pictures: int) -> None:
        """Take what the further pictures of a request that was let in cost: the next request waits for it."""
        tokens, now = self._tokens(caller)
        self._keep(caller, tokens - pictures, now)

    def _tokens(self, caller: str) -> tuple[float, float]:
        now = self._clock()
        tokens, filled_at = self._buckets.pop(caller, (self._burst, now))
        return min(self._burst, tokens + (now - filled_at) * self._per_second), now

    def _keep(self, caller: str, tokens: float, now: float) -> None:
        self._buckets[caller] = (tokens, now)
        if len(self._buckets) > _BUCKETS_MAX:
            self._buckets.popitem(last=False)


def retry_after(wait_s: float) -> tuple[bytes, bytes]:
    """The ``Retry-After`` header, in whole seconds."""
    return b"retry-after", str(max(1, math.ceil(wait_s))).encode()
