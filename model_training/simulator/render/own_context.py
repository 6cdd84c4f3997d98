"""Drawing in the right OpenGL context when a process has several."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def in_own_context(draw: Callable[P, R]) -> Callable[P, R]:
    """For methods of an object with a `context`: draw there.

    OpenGL draws into the thread's current context, and every new context becomes it.
    """

    @functools.wraps(draw)
    def drawing(*args: P.args, **kwargs: P.kwargs) -> R:
        with args[0].context:
            return draw(*args, **kwargs)

    return drawing
