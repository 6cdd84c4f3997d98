"""uvicorn's HTTP protocol with the limits that it lacks: time and size of a request's head, number of connections.

A client that is slow with its TLS handshake, sends its head byte by byte, never finishes a body nobody reads, or does
not read its answer, is cut (slow loris).
"""

from __future__ import annotations

import asyncio
from asyncio.events import TimerHandle
from typing import Any

import uvloop
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.problems import MEDIA_TYPE, PROBLEMS, render_problem

# What a client may still send after its answer, before the connection is closed.
_DISCARD_TIMEOUT_S = 5.0


class GuardedLoop(uvloop.Loop):
    """An event loop whose TLS servers do not wait a minute for a client's handshake."""

    handshake_timeout_s = 5.0

    async def create_server(self, *args: Any, **options: Any) -> Any:
        """uvloop's, with our limit if the server has TLS."""
        if options.get("ssl") is not None:
            options.setdefault("ssl_handshake_timeout", self.handshake_timeout_s)
        return await super().create_server(*args, **options)


class GuardedProtocol(HttpToolsProtocol):
    """One connection. The limits are class attributes, set once per process by ``guarded_protocol``."""

    head_timeout_s = 5.0
    head_max_bytes = 32_768
    connections_max = 512
    answer_timeout_s = 15.0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._timer: TimerHandle | None = None
        self._answer_timer: TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = True
        self._message_complete = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # asyncio hands a Transport
        """Refuse beyond the limit of connections; otherwise give the first head its time."""
        super().connection_made(transport)
        if len(self.connections) > self.connections_max:
            self._answer_and_close("overloaded", "Too many connections.")
            return
        self._start_timer(self.head_timeout_s, self._head_too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._stop_timer()
        self._stop_answer_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read as fast as we write: it has some time to catch up."""
        super().pause_writing()
        self._stop_answer_timer()
        self._answer_timer = self.loop.call_later(self.answer_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The client caught up."""
        self._stop_answer_timer()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Count the bytes of a head that is not complete, then parse."""
        if self.transport.is_closing():
            return
        if self._in_head:
            if self._timer is None:
                # A further request on a kept connection: its head begins with this byte.
                self._start_timer(self.head_timeout_s, self._head_too_slow)
            self._head_bytes += len(data)
        super().data_received(data)
        # A large first piece may hold the whole head and a part of the body: only an unfinished head counts.
        if self._in_head and self._head_bytes > self.head_max_bytes and not self.transport.is_closing():
            self._answer_and_close("headers-too-large", f"The head may have {self.head_max_bytes} bytes.")

    def on_message_begin(self) -> None:
        """A head begins."""
        self._message_complete = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is complete: its time no longer counts."""
        self._in_head = False
        self._head_bytes = 0
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is complete; the next byte begins another head."""
        self._message_complete = True
        self._in_head = True
        self._stop_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is out; if the body is not in yet, what is left of it must come soon."""
        super().on_response_complete()
        if not self._message_complete and not self.transport.is_closing():
            self._start_timer(_DISCARD_TIMEOUT_S, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        """A head that is not HTTP gets problem details as well."""
        self._answer_and_close("invalid-request", msg)

    def _head_too_slow(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._head_bytes == 0:
            self.transport.close()
            return
        self._answer_and_close("request-timeout", f"The head was not complete after {self.head_timeout_s:g} s.")

    def _answer_and_close(self, code: str, detail: str) -> None:
        self._stop_timer()
        body = render_problem(code, detail, request_id="", instance="")
        problem = PROBLEMS[code]
        head = (
            f"HTTP/1.1 {problem.status} {problem.title}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()

    def _start_timer(self, delay_s: float, action: Any) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(delay_s, action)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_answer_timer(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None


def guarded_protocol(
    *, head_timeout_s: float, head_max_bytes: int, connections_max: int, answer_timeout_s: float
) -> type[GuardedProtocol]:
    """The protocol class with these limits; uvicorn makes one object per connection."""
    GuardedProtocol.head_timeout_s = head_timeout_s
    GuardedProtocol.head_max_bytes = head_max_bytes
    GuardedProtocol.connections_max = connections_max
    GuardedProtocol.answer_timeout_s = answer_timeout_s
    return GuardedProtocol
