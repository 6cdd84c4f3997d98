"""Memory that is reserved before it is used: what a worker may hold at once of bodies, and of decoded photographs."""

from __future__ import annotations

import ctypes
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from face.errors import ImageTooLarge

# What was used and is free again is worth a look at the heap, which takes some milliseconds, from so much on.
_MUCH_BYTES = 32 * 1024 * 1024


class NeverFits(ImageTooLarge):
    """More than the whole budget is asked for; the message says both."""


class NoRoomNow(Exception):
    """The bytes did not come free within the time to wait."""


class ByteBudget:
    """So many bytes, given out first come, first served, from any thread.

    One that asks for much is not overtaken by those that ask for little, or it would wait for ever.
    """

    def __init__(self, total_bytes: int, *, wait_s: float) -> None:
        """wait_s: how long ``reserve`` waits for its turn."""
        if total_bytes < 1 or wait_s <= 0:
            raise ValueError(f"a budget has bytes and time to wait, got {total_bytes} and {wait_s}")
        self.total_bytes = total_bytes
        self._wait_s = wait_s
        self._taken = 0
        self._freed = 0
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @property
    def taken_bytes(self) -> int:
        """What is reserved now."""
        return self._taken

    def take(self, size: int) -> bool:
        """Reserve without waiting, for ``give``. False if there is no room, or somebody waits for it."""
        with self._changed:
            if self._waiting or self._taken + size > self.total_bytes:
                return False
            self._taken += size
            return True

    def give(self, size: int) -> None:
        """End a reservation made by ``take``."""
        with self._changed:
            self._taken -= size
            self._freed += size
            self._changed.notify_all()

    def take_freed(self) -> int:
        """Bytes that came free since the last call."""
        with self._changed:
            freed, self._freed = self._freed, 0
            return freed

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """While the bytes are used. Raises NeverFits at once, NoRoomNow after the time to wait; blocks meanwhile."""
        if size > self.total_bytes:
            raise NeverFits(
                f"Decoding takes {size / 1e6:,.1f} MB of memory; {self.total_bytes / 1e6:,.1f} MB are all there is for "
                "it. Send a smaller picture, or a JPEG, which takes less."
            )
        turn = object()
        with self._changed:
            self._waiting.append(turn)
            try:
                came = self._changed.wait_for(
                    lambda: self._waiting[0] is turn and self._taken + size <= self.total_bytes, self._wait_s
                )
                if not came:
                    raise NoRoomNow(f"{size:,} bytes of memory did not come free within {self._wait_s:g} s")
                self._taken += size
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()
        try:
            yield
        finally:
            self.give(size)


class Leftovers:
    """Lets memory that was used go back to the system, where the C library would keep it: small pieces, and what lies
    between them, most of all in the threads that decode.

    Not at the end of a reservation: what it was for is freed a moment later, and others may still hold theirs.
    """

    def __init__(self, *budgets: ByteBudget) -> None:
        self._budgets = budgets
        self._bytes = 0

    def give_back_if_idle(self) -> None:
        """If much was used since the last time, bodies included, and nothing is reserved now."""
        self._bytes += sum(budget.take_freed() for budget in self._budgets)
        if self._bytes >= _MUCH_BYTES and not any(budget.taken_bytes for budget in self._budgets):
            self._bytes = 0
            give_memory_back()


def give_memory_back() -> None:
    """Let the C library return what it keeps of freed memory to the system; nothing where it has no such call."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)
