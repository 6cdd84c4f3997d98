"""Drawing in the right OpenGL context when a process has several."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Concatenate, ParamSpec, Protocol, TypeVar


class HasContext(Protocol):
    """Owns an OpenGL context: entering it makes it the current one."""

    @property
    def context(self) -> AbstractContextManager[object]: ...


S = TypeVar("S", bound=HasContext)
P = ParamSpec("P")
R = TypeVar("R")


def in_own_context(draw: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """For methods of an object with a `context`: draw there.

    OpenGL draws into the thread's current context, and every new context becomes it.
    """

    @functools.wraps(draw)
    def drawing(owner: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with owner.context:
            return draw(owner, *args, **kwargs)

    return drawing
