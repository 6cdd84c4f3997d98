"""uvicorn's HTTP protocol with the limits that it lacks: time and size of a request's head, number of connections.

A client that is slow with its TLS handshake, sends its head byte by byte, never finishes a body nobody reads, or does
not read its answer, is cut (slow loris). An answer that comes before its request's body has been read still reaches the
client: what is left of the body is thrown away before the connection is closed.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio.events import TimerHandle
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

import uvloop
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.observability.rarely import Rarely
from service.problems import MEDIA_TYPE, PROBLEMS, render_problem
from service.server.limits import Limits
from service.server.reading import ReadingWatch

if TYPE_CHECKING:
    from service.observability.metrics import Rejection
    from service.operations import Operations

logger = logging.getLogger(__name__)
_refused = Rarely(logger, every_s=5.0)

# What a client may still send after its answer, before the connection is closed.
_DISCARD_MAX_BYTES = 64 * 1024 * 1024
# After an answer to something that was no request: the client has little left to send.
_LINGER_S = 1.0


class GuardedLoop(uvloop.Loop):
    """An event loop whose TLS servers do not wait a minute for a client's handshake."""

    handshake_timeout_s = 5.0

    async def create_server(self, *args: Any, **options: Any) -> Any:
        """uvloop's, with our limit if the server has TLS."""
        if options.get("ssl") is not None:
            options.setdefault("ssl_handshake_timeout", self.handshake_timeout_s)
        return await super().create_server(*args, **options)


class GuardedProtocol(HttpToolsProtocol):
    """One connection, within the class's ``limits`` (one class for each process: ``guarded_protocol``)."""

    limits = Limits()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._timer: TimerHandle | None = None
        self._reading = ReadingWatch(self.loop, timeout_s=self.limits.answer_timeout_s)
        self._head_bytes = 0
        self._discarded_bytes = 0
        self._in_head = True
        self._message_complete = True
        self._closes_after_body = False
        self._is_deaf = False
        self._has_served = False
        self._waits_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # asyncio hands a Transport
        """Refuse beyond the limits of connections; otherwise give the first head its time."""
        super().connection_made(transport)
        self._waits_since = self.loop.time()
        if self._finds_room():
            self._start_timer(self.limits.head_timeout_s, self._head_too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._stop_timer()
        self._reading.end()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read as fast as we write: it has some time to catch up."""
        super().pause_writing()
        self._reading.begin(self.transport)

    def resume_writing(self) -> None:
        """The client caught up."""
        self._reading.end()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Count the bytes of a head that is not complete, and those that nobody reads; then parse."""
        if self.transport.is_closing():
            return
        if self._is_deaf or self._answered_early:
            self._discarded_bytes += len(data)
            if self._discarded_bytes > _DISCARD_MAX_BYTES:
                self.transport.close()
                return
        if self._is_deaf:
            return
        if self._in_head:
            if self._timer is None:
                # A further request on a kept connection: its head begins with this byte.
                self._start_timer(self.limits.head_timeout_s, self._head_too_slow)
            self._head_bytes += len(data)
        super().data_received(data)
        # A large first piece may hold the whole head and a part of the body: only an unfinished head counts.
        if self._in_head and self._head_bytes > self.limits.head_max_bytes and not self.transport.is_closing():
            detail = f"The head may have {self.limits.head_max_bytes} bytes."
            self._refuse("large-head", "headers-too-large", detail)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._message_complete = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is complete: its time no longer counts."""
        self._in_head = False
        self._has_served = True
        self._head_bytes = self._discarded_bytes = 0
        self._stop_timer()
        super().on_headers_complete()
        # The cycle closes a connection that is not kept as soon as its answer is written: not before its body is read.
        self.cycle.transport = cast("asyncio.Transport", _CycleTransport(self))
        operations = self._operations
        if operations is not None and operations.drain.started:
            # The client's next request goes to a worker that stays.
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """The body is complete; the next byte begins another head."""
        self._message_complete = True
        self._in_head = True
        self._waits_since = self.loop.time()
        self._stop_timer()
        super().on_message_complete()
        if self._closes_after_body:
            self.transport.close()

    def on_response_complete(self) -> None:
        """The answer is out; if the body is not in yet, what is left of it must come in its time."""
        super().on_response_complete()
        self._waits_since = self.loop.time()
        if not self._message_complete and not self.transport.is_closing():
            self._start_timer(self.limits.answer_timeout_s, self.transport.close)

    def close_after_body(self) -> None:
        """Close; if the body is not in yet, when it is: a connection closed before is reset, and the answer lost."""
        if self._message_complete:
            self.transport.close()
        else:
            self._closes_after_body = True

    def send_400_response(self, msg: str) -> None:
        """A head that is not HTTP gets problem details as well."""
        self._refuse("bad-head", "invalid-request", msg)

    @property
    def _operations(self) -> Operations | None:
        found: Operations | None = self.app_state.get("operations")
        return found

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    @property
    def _answered_early(self) -> bool:
        return self.cycle is not None and self.cycle.response_complete and not self._message_complete

    @property
    def _waits(self) -> bool:
        """Whether nothing is done for this connection: no head yet, kept open, or answered."""
        return self.cycle is None or self.cycle.response_complete

    def _finds_room(self) -> bool:
        """Whether there is room for this connection, if need be that of another for which nothing is done.

        So slow connections cannot keep others out: least of all a health check, whose head comes at once.
        """
        others = [other for other in self.connections if other is not self and isinstance(other, GuardedProtocol)]
        if not self.limits.speaks_for_many(self._address or "0.0.0.0"):  # noqa: S104 - a socket without an address
            same = [other for other in others if other._address == self._address]
            if len(same) >= self.limits.connections_per_address_max and not _close_longest_waiting(same):
                self._refuse("connections", "overloaded", "Too many connections from this address.")
                return False
        if len(others) >= self.limits.connections_max and not _close_longest_waiting(others):
            self._refuse("connections", "overloaded", "Too many connections.")
            return False
        return True

    def _give_way(self) -> None:
        self.connections.discard(self)
        if self._has_served:
            self.transport.close()
        else:
            self._refuse("connections", "overloaded", "Too many connections, and this one has not asked for anything.")

    def _head_too_slow(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._head_bytes == 0:
            self.transport.close()
            return
        detail = f"The head was not complete after {self.limits.head_timeout_s:g} s."
        self._refuse("slow-head", "request-timeout", detail)

    def _refuse(self, reason: Rejection, code: str, detail: str) -> None:
        """Answer what is no request, and close."""
        self._stop_timer()
        if self._operations is not None:
            self._operations.metrics.reject(reason)
        extra = {"client": self._address, "reason": reason, "code": code}
        _refused.say(logging.WARNING, "a connection was refused", extra=extra)
        if not self._waits:
            # A request runs whose body cannot be read: it gets this answer, and its own goes nowhere.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.close()
                return
        body = render_problem(code, detail, request_id="", instance="")
        problem = PROBLEMS[code]
        head = (
            f"HTTP/1.1 {problem.status} {problem.title}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self._is_deaf = True
        if self in self.connections and len(self.connections) <= 2 * self.limits.connections_max:
            self._start_timer(_LINGER_S, self.transport.close)
        else:
            self.transport.close()

    def _start_timer(self, delay_s: float, action: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(delay_s, action)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _CycleTransport:
    """A connection's transport as one request sees it: closing waits for the rest of the body."""

    def __init__(self, protocol: GuardedProtocol) -> None:
        self._protocol = protocol

    def write(self, data: bytes) -> None:
        # Cut meanwhile, because the client did not read: the app is not to blame.
        if not self._protocol.transport.is_closing():
            self._protocol.transport.write(data)

    def is_closing(self) -> bool:
        return self._protocol.transport.is_closing()

    def close(self) -> None:
        self._protocol.close_after_body()


def _close_longest_waiting(connections: Iterable[GuardedProtocol]) -> bool:
    """Close the connection that has waited longest, those first that never asked for anything. False if none waits."""
    waiting = [connection for connection in connections if connection._waits]
    if not waiting:
        return False
    min(waiting, key=lambda connection: (connection._has_served, connection._waits_since))._give_way()
    return True


def guarded_protocol(limits: Limits) -> type[GuardedProtocol]:
    """The protocol class with these limits; uvicorn makes one object per connection."""
    return type("GuardedProtocol", (GuardedProtocol,), {"limits": limits})
