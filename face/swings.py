"""A curve -> its swings: the ways up and down that are long enough to be more than jitter."""

from __future__ import annotations

from collections.abc import Sequence


def swings(curve: Sequence[float], *, least: float) -> list[int]:
    """Places where each swing begins, in order: a lowest or highest value from which the curve goes up, or down, by
    `least` at least before it comes back as far. curve: finite values; empty has none."""
    begins: list[int] = []
    high = low = 0
    rising: bool | None = None
    for at, value in enumerate(curve):
        high = at if value > curve[high] else high
        low = at if value < curve[low] else low
        if rising is not False and curve[high] - value >= least:
            begins.append(high)
            rising, low = False, at
        elif rising is not True and value - curve[low] >= least:
            begins.append(low)
            rising, high = True, at
    return begins
