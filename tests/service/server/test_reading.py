"""Who leaves an answer lying is cut; who reads it slowly is not."""

from __future__ import annotations

import asyncio

import pytest

from service.admission.body import LEAST_BYTES_PER_S
from service.server.reading import ReadingWatch

TIMEOUT_S = 0.05


class Unread(asyncio.Transport):
    """An answer of 100 kB, of which a client reads so much a second."""

    def __init__(self, bytes_per_s: float) -> None:
        super().__init__()
        self._rate, self._since = bytes_per_s, asyncio.get_running_loop().time()
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return max(0, round(100_000 - self._rate * (asyncio.get_running_loop().time() - self._since)))

    def abort(self) -> None:
        self.aborted = True


@pytest.mark.parametrize(("share_of_the_least", "cut"), [(0.0, True), (0.5, True), (3.0, False)])
async def test_the_rate_decides(share_of_the_least: float, cut: bool) -> None:
    transport = Unread(share_of_the_least * LEAST_BYTES_PER_S)
    watch = ReadingWatch(asyncio.get_running_loop(), timeout_s=TIMEOUT_S)
    watch.begin(transport)
    await asyncio.sleep(5 * TIMEOUT_S)
    assert transport.aborted is cut
    watch.end()


async def test_who_caught_up_is_left_alone() -> None:
    transport = Unread(0.0)
    watch = ReadingWatch(asyncio.get_running_loop(), timeout_s=TIMEOUT_S)
    watch.begin(transport)
    watch.end()
    await asyncio.sleep(3 * TIMEOUT_S)
    assert not transport.aborted
