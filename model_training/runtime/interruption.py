"""Ctrl-C and SIGTERM: a loop asks for them, so that it stops where everything can be saved, and parents decide for
their children."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM ask the loop to stop at the end of its step; a second Ctrl-C interrupts at once."""
    received: list[int] = []

    def handler(number: int, _frame: object) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt

    try:
        before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: signals arrive elsewhere
        before = {}
    try:
        yield lambda: bool(received)
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def children_ignore_ctrl_c() -> Iterator[None]:
    """A terminal sends Ctrl-C to every process of a command. Those started in the block leave it to their parent."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not the main thread, which is the only one that Ctrl-C reaches
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def leave_ctrl_c_to_the_parent(_worker: int) -> None:
    """For a forked worker, which inherits its parent's handlers: it works on through Ctrl-C, and SIGTERM ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
