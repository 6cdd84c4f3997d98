"""Who asks: the identity of the running request, for log lines and for the audit record."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from dataclasses import dataclass

# A request id from outside is taken over only if it can do no harm in a log line or a header.
_HARMLESS_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


@dataclass(slots=True)
class RequestContext:
    """Identity of one HTTP request.

    ``key_id`` is the name of the API key (never the key), set once the key was checked; ``trace_id`` (32 hex digits)
    and ``span_id`` (16) follow W3C Trace Context.
    """

    request_id: str
    trace_id: str
    span_id: str
    key_id: str | None = None


_current: ContextVar[RequestContext | None] = ContextVar("htnet_request_context", default=None)


def current_request() -> RequestContext | None:
    """The context of the request that this task or worker thread serves; None outside a request."""
    return _current.get()


def enter_request(context: RequestContext) -> None:
    """Make ``context`` the current one for this task and what it starts."""
    _current.set(context)


def choose_request_id(offered: str | None) -> str:
    """The caller's ``X-Request-ID`` if it is harmless, otherwise a new random one."""
    if offered is not None and _HARMLESS_REQUEST_ID.fullmatch(offered):
        return offered
    return uuid.uuid4().hex
