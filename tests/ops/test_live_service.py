"""The process as an operator meets it: start, limits on raw sockets, several workers, audit, and the stop."""

import contextlib
import csv
import io
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.security.api_keys import new_key
from tests.ops.live_service import GRADE, LiveService, live_service, metric_sum, wait_until_ready

HEAD_TIMEOUT_S = 1.0
BODY_TIMEOUT_S = 2.0


@pytest.fixture(scope="module")
def admin_key() -> tuple[str, str]:
    return new_key("it", "admin")


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, tiny_models: Path, admin_key: tuple[str, str]
) -> Iterator[LiveService]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "keys").write_text(admin_key[1] + "\n")
    with live_service(
        folder, tiny_models, workers=2, api_keys_file=folder / "keys", head_timeout_s=HEAD_TIMEOUT_S,
        body_timeout_s=BODY_TIMEOUT_S, connections_max=64, image_max_bytes=400_000,
    ) as live:  # fmt: skip
        yield live


@pytest.fixture(scope="module")
def client(service: LiveService, admin_key: tuple[str, str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, headers={"x-api-key": admin_key[0]}, timeout=30) as client:
        yield client


def raw_request(service: LiveService, data: bytes, *, within_s: float = 10.0) -> bytes:
    """Send bytes, read until the server closes."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=within_s) as connection:
        connection.sendall(data)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


def test_counters_agree_whichever_worker_answers(
    service: LiveService, client: httpx.Client, astronaut_jpeg: bytes
) -> None:
    def answers() -> float:
        return metric_sum(client.get("/metrics").text, "htnet_answers_total", task="palsy")

    before = answers()
    for _ in range(8):
        # A new connection each time, so that both workers get some.
        answer = httpx.post(
            service.url + GRADE, files={"image": ("secret-name.jpg", astronaut_jpeg)}, headers=dict(client.headers)
        )
        assert answer.status_code == 200, answer.text
    for _ in range(6):
        text = httpx.get(service.url + "/metrics").text
        assert metric_sum(text, "htnet_answers_total", task="palsy") == before + 8
        assert metric_sum(text, "htnet_analyses_in_flight") == 0
        assert metric_sum(text, "htnet_workers") == 2
        assert metric_sum(text, "htnet_process_resident_memory_bytes") > 1e8


def test_metrics_are_valid_and_have_few_series(client: httpx.Client) -> None:
    client.get("/nothing/here")
    client.get("/nothing/there")
    families = list(text_string_to_metric_families(client.get("/metrics").text))
    own = [family for family in families if family.name.startswith("htnet_")]
    assert len(own) == len(families) > 12
    assert sum(len(family.samples) for family in own) < 1500
    routes = {s.labels["route"] for f in own for s in f.samples if "route" in s.labels}
    assert "unmatched" in routes
    assert not any("nothing" in route for route in routes)


def test_log_has_the_request_and_no_file_name(
    service: LiveService, client: httpx.Client, astronaut_jpeg: bytes
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = client.post(
        GRADE,
        files={"image": ("secret-name.jpg", astronaut_jpeg)},
        headers={
            "x-request-id": "from-the-ward-1",
            "traceparent": f"00-{trace}-00f067aa0ba902b7-01",
            "tracestate": "not valid: secret-name.jpg",
        },
    )
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "from-the-ward-1"
    line = service.log_line_of("from-the-ward-1")
    assert line["trace_id"] == trace
    assert (line["route"], line["status"], line["key_id"]) == (GRADE, 200, "it")
    assert line["stage_ms"]["landmarks"] > 0
    assert "secret-name" not in service.log.read_text()


def test_audit_over_http(client: httpx.Client, astronaut_jpeg: bytes) -> None:
    answer = client.post(GRADE, files={"image": astronaut_jpeg}).json()
    refused = client.post(GRADE, files={"image": b"text"})
    page = client.get("/v1/audit", params={"limit": 2}).json()
    newest, before = page["records"]
    assert (newest["refusal"], newest["label"]) == (refused.json()["code"], None)
    assert before["request_id"] == answer["request_id"]
    assert before["label"] == answer["grade"]["house_brackmann"]
    assert before["model_sha256"] == answer["model"]["sha256"]
    assert before["key_id"] == "it"
    older = client.get("/v1/audit", params={"before_id": page["next_before_id"], "limit": 1}).json()
    assert older["records"][0]["id"] < before["id"]
    rows = list(csv.DictReader(io.StringIO(client.get("/v1/audit", params={"format": "csv"}).text)))
    assert rows[0]["request_id"] == newest["request_id"]
    assert httpx.get(str(client.base_url) + "/v1/audit").status_code == 401


def test_slow_head_is_cut(service: LiveService) -> None:
    started = time.monotonic()
    received = raw_request(service, b"POST /v1/palsy/grade HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    assert HEAD_TIMEOUT_S * 0.8 < time.monotonic() - started < HEAD_TIMEOUT_S + 2
    assert received.startswith(b"HTTP/1.1 408")
    assert b'"code": "request-timeout"' in received


def test_drip_fed_head_is_cut(service: LiveService) -> None:
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\n")
        with pytest.raises(OSError):  # noqa: PT011, PT012 - which error depends on the moment
            for _ in range(100):
                connection.sendall(b"x-a: b\r\n")
                time.sleep(0.1)
    assert time.monotonic() - started < HEAD_TIMEOUT_S + 2


def test_silent_connection_is_closed(service: LiveService) -> None:
    assert raw_request(service, b"") == b""


def test_endless_head_is_refused(service: LiveService) -> None:
    received = raw_request(service, b"GET /livez HTTP/1.1\r\nx-big: " + b"a" * 60_000)
    assert received.startswith(b"HTTP/1.1 431")


def test_not_http_gets_a_problem(service: LiveService) -> None:
    assert raw_request(service, b"\x16\x03\x01\x02\x00 hello\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_slow_body_is_cut(service: LiveService, admin_key: tuple[str, str]) -> None:
    head = f"POST {GRADE} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {admin_key[0]}\r\nContent-Type: image/jpeg\r\n"
    received = raw_request(service, (head + "Content-Length: 1000\r\n\r\nabc").encode())
    assert received.startswith(b"HTTP/1.1 408")


def test_a_client_that_does_not_read_is_cut(service: LiveService) -> None:
    """It would else hold its answers in memory, and a place as soon as one of them is a photograph's."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", service.port))
        connection.sendall(b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 8)
        time.sleep(BODY_TIMEOUT_S + 2)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                received += len(piece)
        assert 0 < received < 8 * 1_600_000


def test_chunked_body_meets_the_limit(client: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(12):
            yield b"x" * 50_000

    answer = client.post(GRADE, content=pieces(), headers={"content-type": "image/jpeg"})
    assert (answer.status_code, answer.json()["code"]) == (413, "image-too-large")


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        "Content-Length: -3\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n",
    ],
)
def test_a_body_without_a_clear_end_is_refused(service: LiveService, framing: str) -> None:
    """What two programs in a row could read differently (request smuggling)."""
    received = raw_request(service, f"POST {GRADE} HTTP/1.1\r\nHost: x\r\n{framing}".encode())
    assert received.startswith(b"HTTP/1.1 400")
    assert received.count(b"HTTP/1.1") == 1


def test_clients_that_hang_up_free_their_places(
    service: LiveService, client: httpx.Client, admin_key: tuple[str, str], astronaut_jpeg: bytes
) -> None:
    head = f"POST {GRADE} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {admin_key[0]}\r\nContent-Type: image/jpeg\r\n"
    request = f"{head}Content-Length: {len(astronaut_jpeg)}\r\n\r\n".encode() + astronaut_jpeg
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
            connection.sendall(request)
    deadline = time.monotonic() + 20
    gauges = ("htnet_analyses_in_flight", "htnet_analyses_queued", "htnet_uploads_in_flight")
    while True:
        text = client.get("/metrics").text
        if not any(metric_sum(text, gauge) for gauge in gauges):
            break
        assert time.monotonic() < deadline, text
        time.sleep(0.1)
    assert metric_sum(text, "htnet_rejected_total", reason="disconnected") > 0
    assert client.post(GRADE, files={"image": astronaut_jpeg}).status_code == 200


def test_declared_size_is_refused_before_the_body_is_sent(service: LiveService, admin_key: tuple[str, str]) -> None:
    head = f"POST {GRADE} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {admin_key[0]}\r\nContent-Length: 99999999\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")


def test_connections_are_bounded(service: LiveService) -> None:
    connections = [socket.create_connection(("127.0.0.1", service.port), timeout=5) for _ in range(200)]
    try:
        refused = 0
        for connection in connections:
            connection.settimeout(0.02)
            try:
                refused += connection.recv(100).startswith(b"HTTP/1.1 503")
            except TimeoutError:
                continue
        assert refused > 0
    finally:
        for connection in connections:
            connection.close()
    wait_until_ready(service, 10)


def test_killed_worker_is_replaced(service: LiveService, client: httpx.Client, astronaut_jpeg: bytes) -> None:
    victim = service.workers()[0]
    victim.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        workers = service.workers()
        if len(workers) == 2 and victim.pid not in {worker.pid for worker in workers}:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the killed worker was not replaced")
    wait_until_ready(service, 30)
    assert httpx.post(
        service.url + GRADE, files={"image": astronaut_jpeg}, headers=dict(client.headers), timeout=30
    ).is_success
    assert any("replaced" in line["message"] for line in service.log_lines())


def test_sigterm_is_not_ready_at_once_and_finishes_what_runs(
    tmp_path: Path, tiny_models: Path, astronaut_jpeg: bytes
) -> None:
    with live_service(tmp_path, tiny_models, drain_s=1.0) as live, httpx.Client(base_url=live.url) as client:
        answers: list[int] = []

        def keep_asking() -> None:
            with httpx.Client(base_url=live.url, timeout=10) as own:
                try:
                    while True:
                        answers.append(own.post(GRADE, files={"image": astronaut_jpeg}).status_code)
                except httpx.TransportError:
                    return

        asking = threading.Thread(target=keep_asking)
        asking.start()
        time.sleep(0.5)
        live.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        not_ready = client.get("/readyz")
        assert (not_ready.status_code, not_ready.json()["code"]) == (503, "not-ready")
        assert client.get("/livez").status_code == 200
        assert live.process.wait(15) in (0, -signal.SIGTERM)
        asking.join(10)
        assert answers
        assert set(answers) == {200}


def test_lost_audit_database_is_a_clear_503(tmp_path: Path, tiny_models: Path, astronaut_jpeg: bytes) -> None:
    with live_service(tmp_path, tiny_models) as live, httpx.Client(base_url=live.url, timeout=20) as client:
        assert client.post(GRADE, files={"image": astronaut_jpeg}).status_code == 200
        for path in tmp_path.glob("audit.sqlite*"):
            path.unlink()
        lost = client.post(GRADE, files={"image": astronaut_jpeg})
        assert (lost.status_code, lost.json()["code"]) == (503, "audit-unavailable")
        assert metric_sum(client.get("/metrics").text, "htnet_audit_failures_total") == 1
        assert client.get("/livez").status_code == 200
