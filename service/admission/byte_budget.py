"""Memory that is reserved before it is used: what a worker may hold at once of bodies, and of decoded photographs."""

from __future__ import annotations

import ctypes
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from face.errors import ImageTooLarge

# The C library keeps what was freed in pieces smaller than this for itself, most of all in the threads that decode.
_LARGE_BYTES = 32 * 1024 * 1024


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
        self._has_been_large = False
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
            self._changed.notify_all()

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
            self._has_been_large = self._has_been_large or size >= _LARGE_BYTES
            self.give(size)

    def give_back_if_idle(self) -> None:
        """Let memory go back to the system if much was used and nothing is reserved now.

        Not at the end of a reservation: what it was for is freed a moment later, and others may still hold theirs.
        """
        if self._has_been_large and self._taken == 0:
            self._has_been_large = False
            give_memory_back()


def give_memory_back() -> None:
    """Let the C library return what it keeps of freed memory to the system; nothing where it has no such call."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)
