"""Let a request in, or refuse it within milliseconds.

For the analysing routes, which come in by lanes of their own (photographs, clips): refuse at once if the queue is full,
before any of the body is read; read the body within its limits; wait a short time for a place; run within the time
limit. Other routes only get the limit on the body's size. By hand, because servers and rate limiters count connections
or requests: none refuses before the body is read and holds a place until the thread that computes has ended, also when
the client has gone.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.admission.body import BodyTooLarge, BodyTooSlow, BufferedBody, ClientGone, read_body
from service.admission.byte_budget import ByteBudget
from service.admission.gate import Gate, GateFull, WaitedTooLong
from service.admission.pictures import pictures_in
from service.observability.metrics import Metrics, Rejection
from service.problems import send_problem
from service.route_templates import RouteTemplates

_BODYLESS_LIMIT_BYTES = 64 * 1024


@dataclass(frozen=True, eq=False)
class Lane:
    """One way in, so that requests of one kind never wait for those of another.

    ``body_bytes``: by the template of an analysing route, the size of its largest body. ``uploads``: memory for bodies
    that are being read or worked on. ``sent``: what is sent here, in the words of a refusal. ``single``: templates of
    routes that take one place whatever their form holds; elsewhere each part takes one.
    """

    body_bytes: Mapping[str, int]
    body_timeout_s: float
    work_timeout_s: float
    gate: Gate
    uploads: ByteBudget
    sent: str = "photographs"
    too_large: str = "image-too-large"
    single: Collection[str] = ()

    @property
    def retry_after(self) -> tuple[bytes, bytes]:
        """Once the queue had the time to empty itself, in whole seconds as the header wants it."""
        return b"retry-after", str(max(1, math.ceil(self.gate.limits.queue_wait_s))).encode()


class AdmissionMiddleware:
    """Bounded work: nothing waits without a limit and nothing is read without one."""

    def __init__(self, app: ASGIApp, *, lanes: Sequence[Lane], metrics: Metrics) -> None:
        self.app = app
        self._lanes = {template: lane for lane in lanes for template in lane.body_bytes}
        self._analysing = RouteTemplates(self._lanes)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        template = self._analysing.template_of(scope["path"]) if scope["method"] == "POST" else None
        if template is None:
            await self.app(scope, _limited(receive, _BODYLESS_LIMIT_BYTES), send)
            return
        lane = self._lanes[template]
        if lane.gate.is_full:
            await self._refuse(scope, send, lane, "queue-full", "All places are taken and the queue is full.")
            return
        if lane.gate.uploads >= lane.gate.limits.uploads_max:
            await self._refuse(scope, send, lane, "uploads-full", f"Too many {lane.sent} are being uploaded.")
            return
        max_bytes = lane.body_bytes[template]
        declared = Headers(scope=scope).get("content-length", "")
        size = int(declared) if declared.isdecimal() else max_bytes
        if size > max_bytes:
            await self._refuse_large(scope, send, lane, max_bytes)
            return
        if not lane.uploads.take(size):
            await self._refuse(scope, send, lane, "memory", f"The memory for {lane.sent} is taken.")
            return
        try:
            body = await self._read(scope, receive, send, lane, max_bytes)
            if body is None:
                return
            try:
                await self._run_when_free(scope, send, lane, body, single=template in lane.single)
            finally:
                body.close()
        finally:
            lane.uploads.give(size)

    async def _read(
        self, scope: Scope, receive: Receive, send: Send, lane: Lane, max_bytes: int
    ) -> BufferedBody | None:
        lane.gate.uploads += 1
        self._metrics.uploads.inc()
        try:
            pieces = await read_body(receive, max_bytes=max_bytes, timeout_s=lane.body_timeout_s)
        except BodyTooLarge:
            await self._refuse_large(scope, send, lane, max_bytes)
            return None
        except BodyTooSlow:
            detail = f"The body was not complete after {lane.body_timeout_s:g} s."
            await self._refuse(scope, send, lane, "slow-body", detail, code="request-timeout", close=True)
            return None
        except ClientGone:
            self._metrics.reject("disconnected")
            return None
        finally:
            lane.gate.uploads -= 1
            self._metrics.uploads.dec()
        return BufferedBody(pieces, receive)

    async def _run_when_free(self, scope: Scope, send: Send, lane: Lane, body: BufferedBody, *, single: bool) -> None:
        started = perf_counter()
        places = 1 if single else pictures_in(Headers(scope=scope), body.pieces)
        # The first one was paid for when the key was checked.
        if (charge := scope.get("state", {}).get("charge")) is not None:
            charge(places - 1)
        # Waiting is a task of its own only if there is something to wait for: the common case stays cheap.
        entering = asyncio.ensure_future(lane.gate.enter(places))
        self._metrics.queued.inc()
        try:
            await asyncio.wait({entering, body.watch()}, return_when=asyncio.FIRST_COMPLETED)
            if not entering.done():
                entering.cancel()
                self._metrics.reject("disconnected")
                return
            entering.result()
        except GateFull:
            await self._refuse(scope, send, lane, "queue-full", "All places are taken and the queue is full.")
            return
        except WaitedTooLong:
            detail = f"No place came free within {lane.gate.limits.queue_wait_s:g} s."
            await self._refuse(scope, send, lane, "queue-wait", detail)
            return
        except asyncio.CancelledError:
            if not entering.cancel() and not entering.cancelled() and entering.exception() is None:
                lane.gate.leave(places)
            raise
        finally:
            self._metrics.queued.dec()
        self._metrics.queue_seconds.observe(perf_counter() - started)
        await self._run(scope, send, lane, body, places)

    async def _run(self, scope: Scope, send: Send, lane: Lane, body: BufferedBody, places: int) -> None:
        answer = _Answer(send)
        self._metrics.in_flight.inc()

        async def work() -> None:
            try:
                await self.app(scope, body.receive, answer.send)
            finally:
                # Only here is the core free again, even if the client was told earlier that it took too long.
                self._metrics.in_flight.dec()
                lane.gate.leave(places)

        task = asyncio.ensure_future(work())
        try:
            done, _ = await asyncio.wait({task}, timeout=lane.work_timeout_s)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if done:
            task.result()
            return
        task.add_done_callback(_forget_result)
        if not answer.started:
            answer.muted = True
            detail = f"The analysis did not end within {lane.work_timeout_s:g} s."
            await self._refuse(scope, send, lane, "time-limit", detail)

    async def _refuse_large(self, scope: Scope, send: Send, lane: Lane, max_bytes: int) -> None:
        detail = f"The request may have {max_bytes:,} bytes; send smaller {lane.sent}."
        await self._refuse(scope, send, lane, "too-large", detail, code=lane.too_large)

    async def _refuse(
        self,
        scope: Scope,
        send: Send,
        lane: Lane,
        reason: Rejection,
        detail: str,
        *,
        code: str = "overloaded",
        close: bool = False,
    ) -> None:
        self._metrics.reject(reason)
        headers = [lane.retry_after] if code == "overloaded" else []
        if close:
            headers.append((b"connection", b"close"))
        await send_problem(scope, send, code, detail, headers=headers, reason=reason)


class _Answer:
    """ASGI ``send`` that can be shut when the client already got another answer."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False
        self.muted = False

    async def send(self, message: Message) -> None:
        if self.muted:
            return
        self.started = True
        await self._send(message)


def _limited(receive: Receive, max_bytes: int) -> Receive:
    """``receive`` for routes that need no body: what is beyond the limit is thrown away unread by the application."""
    seen = 0

    async def receive_limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > max_bytes:
            return {"type": "http.disconnect"}
        return message

    return receive_limited


def _forget_result(task: asyncio.Future[None]) -> None:
    # The client has had its answer; reading the exception keeps asyncio from warning about it.
    if not task.cancelled():
        task.exception()
