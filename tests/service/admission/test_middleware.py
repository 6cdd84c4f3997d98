"""Admission as a client sees it: an ASGI app that counts what reaches it, and bodies that misbehave."""

import asyncio
import gc
import json
import tracemalloc
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from service.admission.body import LEAST_BYTES_PER_S, BodyTooSlow, BufferedBody, read_body
from service.admission.byte_budget import ByteBudget
from service.admission.gate import Gate, GateLimits
from service.admission.middleware import AdmissionMiddleware, Lane
from service.observability.metrics import Metrics

LIMIT = 1000


class SlowApp:
    """Answers with the number of bytes that came, once it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.served = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        await self.go.wait()
        self.served += 1
        await PlainTextResponse(str(len(body)))(scope, receive, send)


class Client:
    """One request: ``chunks`` are sent, then the connection stays open until ``hang_up``."""

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        content_length: int | None = None,
        stalls: bool = False,
        path: str = "/v1/palsy/grade",
    ) -> None:
        self.left = list(chunks)
        self.stalls = stalls
        self.gone = asyncio.Event()
        self.sent: list[Message] = []
        self.received_pieces = 0
        headers = [] if content_length is None else [(b"content-length", str(content_length).encode())]
        self.scope: dict[str, Any] = {
            "type": "http", "method": "POST", "path": path, "headers": headers, "state": {},
        }  # fmt: skip

    async def receive(self) -> Message:
        if self.left:
            self.received_pieces += 1
            piece = self.left.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self.left) or self.stalls}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def code(self) -> str:
        return json.loads(self.sent[1]["body"])["code"]


def build(app: Any, **limits: float) -> tuple[AdmissionMiddleware, Gate]:
    gate = Gate(
        GateLimits(
            running_max=1, queue_max=int(limits.get("queue_max", 1)), queue_wait_s=limits.get("queue_wait_s", 5.0),
            uploads_max=int(limits.get("uploads_max", 3)),
        )
    )  # fmt: skip
    lane = Lane(
        body_bytes={"/v1/palsy/grade": int(limits.get("body_bytes", LIMIT)), "/v1/things/{thing}/grade": 2 * LIMIT},
        body_timeout_s=limits.get("body_timeout_s", 5.0),
        work_timeout_s=limits.get("work_timeout_s", 5.0),
        gate=gate,
        uploads=ByteBudget(int(limits.get("uploads_bytes", 10_000)), wait_s=1),
    )
    return AdmissionMiddleware(app, lanes=[lane], metrics=Metrics()), gate


async def test_full_service_refuses_without_reading_the_body() -> None:
    app = SlowApp()
    admission, gate = build(app)
    clients = [Client([b"x" * 10]) for _ in range(3)]
    tasks = []
    for client in clients:
        tasks.append(asyncio.create_task(admission(client.scope, client.receive, client.send)))
        await asyncio.sleep(0.01)
    assert clients[2].status == 503
    assert clients[2].code == "overloaded"
    assert dict(clients[2].sent[0]["headers"])[b"retry-after"] == b"5"
    assert clients[2].received_pieces == 0
    app.go.set()
    await asyncio.gather(*tasks)
    assert [client.status for client in clients[:2]] == [200, 200]
    assert (gate.running, gate.queued, gate.uploads) == (0, 0, 0)


async def test_hang_up_in_the_queue_frees_the_place() -> None:
    app = SlowApp()
    admission, gate = build(app)
    first, second = Client([b"a"]), Client([b"b"])
    running = asyncio.create_task(admission(first.scope, first.receive, first.send))
    await asyncio.sleep(0.01)
    waiting = asyncio.create_task(admission(second.scope, second.receive, second.send))
    await asyncio.sleep(0.01)
    assert gate.queued == 1
    second.gone.set()
    await asyncio.wait_for(waiting, 1)
    assert gate.queued == 0
    app.go.set()
    await running
    assert app.served == 1
    assert gate.running == 0


async def test_waiting_too_long_is_refused() -> None:
    app = SlowApp()
    admission, gate = build(app, queue_wait_s=0.03)
    first, second = Client([b"a"]), Client([b"b"])
    running = asyncio.create_task(admission(first.scope, first.receive, first.send))
    await asyncio.sleep(0.01)
    await admission(second.scope, second.receive, second.send)
    assert (second.status, second.code) == (503, "overloaded")
    app.go.set()
    await running
    assert gate.running == 0


async def test_bodies_of_the_refused_are_gone_before_the_garbage_collector_comes() -> None:
    """Otherwise they are held beside the budget, which has them back: megabytes for each answer of 503."""
    app, megabyte = SlowApp(), 1_000_000
    limits = {"queue_max": 30, "queue_wait_s": 0.05, "uploads_max": 30, "uploads_bytes": 40 * megabyte}
    admission, _ = build(app, body_bytes=megabyte, **limits)
    served = Client([b"x"])
    serving = asyncio.create_task(admission(served.scope, served.receive, served.send))
    await asyncio.sleep(0.01)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        clients = [Client([bytes(megabyte)], content_length=megabyte) for _ in range(20)]
        await asyncio.gather(*(admission(client.scope, client.receive, client.send) for client in clients))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert {client.status for client in clients} == {503}
    assert held < megabyte
    app.go.set()
    await serving


async def test_declared_size_is_refused_before_reading() -> None:
    admission, _ = build(SlowApp())
    client = Client([b"x"], content_length=LIMIT + 1)
    await admission(client.scope, client.receive, client.send)
    assert (client.status, client.code, client.received_pieces) == (413, "image-too-large", 0)


async def test_lying_content_length_meets_the_same_limit() -> None:
    admission, gate = build(SlowApp())
    client = Client([b"x" * 600] * 10, content_length=10)
    await admission(client.scope, client.receive, client.send)
    assert (client.status, client.code) == (413, "image-too-large")
    assert client.received_pieces == 2
    assert gate.uploads == 0


async def test_slow_body_is_cut() -> None:
    admission, gate = build(SlowApp(), body_timeout_s=0.03)
    client = Client([b"x"], stalls=True)
    await admission(client.scope, client.receive, client.send)
    assert (client.status, client.code) == (408, "request-timeout")
    assert gate.uploads == 0


class Trickle:
    """An ASGI `receive` that gives a piece after each pause, and stops sending in the end if it is told to."""

    def __init__(self, pieces: int, *, each: int, every_s: float, stops: bool = False) -> None:
        self._left, self._each, self._every_s, self._stops = pieces, each, every_s, stops

    async def __call__(self) -> dict[str, Any]:
        await asyncio.sleep(self._every_s)
        self._left -= 1
        if self._stops and self._left == 0:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": b"x" * self._each, "more_body": self._left > 0}


async def test_a_large_body_over_a_slow_network_gets_through() -> None:
    """It takes twice as long as a body may, and what comes meanwhile is enough for the time to start anew."""
    enough = round(LEAST_BYTES_PER_S * 0.8)
    pieces = await read_body(Trickle(8, each=enough, every_s=0.2), max_bytes=10**6, timeout_s=0.8)
    assert sum(map(len, pieces)) == 8 * enough


@pytest.mark.parametrize(("each", "stops"), [(10, False), (round(LEAST_BYTES_PER_S * 0.1), True)])
async def test_who_sends_next_to_nothing_or_stops_is_cut(each: int, stops: bool) -> None:
    receive = Trickle(6, each=each, every_s=0.05, stops=stops)
    with pytest.raises(BodyTooSlow):
        await read_body(receive, max_bytes=10**6, timeout_s=0.1)


async def test_uploads_are_bounded() -> None:
    admission, gate = build(SlowApp(), uploads_max=1)
    slow, next_one = Client([b"x"], stalls=True), Client([b"y"])
    reading = asyncio.create_task(admission(slow.scope, slow.receive, slow.send))
    await asyncio.sleep(0.01)
    await admission(next_one.scope, next_one.receive, next_one.send)
    assert (next_one.status, next_one.code) == (503, "overloaded")
    slow.gone.set()
    await reading
    assert gate.uploads == 0


async def test_bodies_together_stay_within_their_memory() -> None:
    """A body without a length could be as long as the longest."""
    app = SlowApp()
    admission, _ = build(app, uploads_bytes=1.5 * LIMIT)
    first, second, small = Client([b"x" * 10]), Client([b"y" * 10]), Client([b"z" * 10], content_length=10)
    reading = asyncio.create_task(admission(first.scope, first.receive, first.send))
    await asyncio.sleep(0.01)
    await admission(second.scope, second.receive, second.send)
    assert (second.status, second.code, second.received_pieces) == (503, "overloaded", 0)
    waiting = asyncio.create_task(admission(small.scope, small.receive, small.send))
    await asyncio.sleep(0.01)
    app.go.set()
    await asyncio.gather(reading, waiting)
    assert (first.status, small.status) == (200, 200)
    again = Client([b"y" * 10])
    await admission(again.scope, again.receive, again.send)
    assert again.status == 200


async def test_time_limit_answers_but_the_place_stays_taken_until_the_work_ends() -> None:
    app = SlowApp()
    admission, gate = build(app, work_timeout_s=0.03)
    client = Client([b"x"])
    await admission(client.scope, client.receive, client.send)
    assert (client.status, client.code) == (503, "overloaded")
    assert gate.running == 1
    app.go.set()
    await asyncio.sleep(0.01)
    assert gate.running == 0
    assert len(client.sent) == 2


@pytest.mark.parametrize("path", ["/v1/things/7/grade", "/v1/things/a-b/grade"])
async def test_limits_are_those_of_the_routes_template(path: str) -> None:
    for size, status in ((2 * LIMIT, 200), (2 * LIMIT + 1, 413)):
        app = SlowApp()
        app.go.set()
        admission, gate = build(app)
        client = Client([b"x" * size], path=path)
        await admission(client.scope, client.receive, client.send)
        assert client.status == status
        assert (gate.running, gate.uploads) == (0, 0)


@pytest.mark.parametrize(
    "path", ["/v1/things//grade", "/v1/things/7/8/grade", "/v1/things/7/grade/", "/v1/palsy/grades"]
)
async def test_other_paths_are_no_analyses(path: str) -> None:
    app = SlowApp()
    admission, gate = build(app, queue_max=0)
    client = Client([b"x" * 3 * LIMIT], path=path)
    serving = asyncio.create_task(admission(client.scope, client.receive, client.send))
    await asyncio.sleep(0.01)
    assert gate.running == 0
    app.go.set()
    await serving
    assert client.status == 200


async def test_a_large_body_is_handed_on_in_pieces_and_let_go() -> None:
    """However small the pieces were that came: a list of single bytes would take forty times their memory."""
    body = BufferedBody(
        await read_body(Client([b"ab" * 50] * 22_000).receive, max_bytes=3_000_000, timeout_s=60), Client([]).receive
    )
    assert [len(piece) for piece in body.pieces] == [1_000_000, 1_000_000, 200_000]
    first = await body.receive()
    assert (len(first["body"]), first["more_body"], len(body.pieces)) == (1_000_000, True, 2)
    rest = [await body.receive() for _ in range(2)]
    assert [message["more_body"] for message in rest] == [True, False]


async def test_a_form_with_many_parts_takes_one_place_where_its_route_says_so() -> None:
    app = SlowApp()
    gate = Gate(GateLimits(running_max=3, queue_max=0, queue_wait_s=1, uploads_max=3))
    charged: list[int] = []
    lane = Lane(
        body_bytes={"/v1/palsy/grade": LIMIT, "/v1/palsy/look": LIMIT}, body_timeout_s=5, work_timeout_s=5, gate=gate,
        uploads=ByteBudget(10_000, wait_s=1), single=("/v1/palsy/look",),
    )  # fmt: skip
    admission = AdmissionMiddleware(app, lanes=[lane], metrics=Metrics())
    running = []
    for path, places in (("/v1/palsy/look", 1), ("/v1/palsy/grade", 3)):
        client = Client([b"--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--"], path=path)
        client.scope["headers"] = [(b"content-type", b"multipart/form-data; boundary=b")]
        client.scope["state"] = {"charge": charged.append}
        running.append(asyncio.create_task(admission(client.scope, client.receive, client.send)))
        await asyncio.sleep(0.01)
        assert gate.running == places
    app.go.set()
    await asyncio.gather(*running)
    assert charged == [0, 1]
