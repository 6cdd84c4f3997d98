"""A refusal reaches whoever sends with the usual libraries, also while the body is still on its way."""

import contextlib
import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from service.security.api_keys import new_key
from tests.ops.live_service import GRADE, LiveService, live_service, metric_sum

LARGE = bytes(11_000_000)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Iterator[tuple[LiveService, str]]:
    folder = tmp_path_factory.mktemp("refusals")
    secret, line = new_key("ward", "user")
    (folder / "keys").write_text(line + "\n")
    settings = {"api_keys_file": folder / "keys", "rate_limit_per_minute": 1, "rate_limit_burst": 7}
    with live_service(folder, tiny_models, head_timeout_s=1, trusted_proxies="192.0.2.0/24", **settings) as live:
        yield live, secret


def by_urllib(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    request = urllib.request.Request(url, body, {"Content-Type": "image/jpeg", **headers})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    return refused.value.code, json.load(refused.value)["code"]


def by_requests(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    answer = requests.post(url, body, headers={"Content-Type": "image/jpeg", **headers}, timeout=20)
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("send", [by_urllib, by_requests])
def test_a_large_upload_is_told_why_it_is_refused(keyed: tuple[LiveService, str], send) -> None:
    live, secret = keyed
    url = live.url + GRADE
    for _ in range(3):
        assert send(url, LARGE, {"X-API-Key": secret}) == (413, "image-too-large")
        assert send(url, LARGE, {"X-API-Key": "wrong"}) == (401, "unauthorized")
    if send is by_requests:  # the second to come: one of the seven is left
        assert send(url, LARGE, {"X-API-Key": secret}) == (413, "image-too-large")
        assert send(url, LARGE, {"X-API-Key": secret}) == (429, "rate-limited")
    assert live.get("/livez").status_code == 200


def test_refusals_are_counted_and_logged_by_their_route_with_the_client(keyed: tuple[LiveService, str]) -> None:
    live, _ = keyed
    assert by_requests(live.url + GRADE, b"", {"X-Request-ID": "refused-by-key"}) == (401, "unauthorized")
    line = live.log_line_of("refused-by-key")
    assert (line["route"], line["status"], line["reason"], line["client"]) == (GRADE, 401, "unauthorized", "127.0.0.1")
    assert metric_sum(live.get("/metrics").text, "htnet_http_requests_total", route=GRADE, status="401") >= 1


def test_only_a_trusted_proxy_may_name_another_client(
    keyed: tuple[LiveService, str], tmp_path: Path, tiny_models: Path
) -> None:
    live, _ = keyed
    named = {"X-Forwarded-For": "203.0.113.5"}
    by_requests(live.url + GRADE, b"", {"X-Request-ID": "from-a-stranger", **named})
    assert live.log_line_of("from-a-stranger")["client"] == "127.0.0.1"
    (tmp_path / "keys").write_text(new_key("ward", "user")[1])
    with live_service(tmp_path, tiny_models, api_keys_file=tmp_path / "keys", trusted_proxies="127.0.0.0/8") as behind:
        by_requests(behind.url + GRADE, b"", {"X-Request-ID": "from-a-proxy", **named})
        assert behind.log_line_of("from-a-proxy")["client"] == "203.0.113.5"


def test_what_is_no_request_is_counted_too(keyed: tuple[LiveService, str]) -> None:
    live, _ = keyed
    for sent, reason in ((b"GET /livez HTTP/1.1\r\nx: ", "slow-head"), (b"\x16\x03 hello\r\n\r\n", "bad-head"),
                         (b"GET / HTTP/1.1\r\nx-big: " + b"a" * 60_000, "large-head")):  # fmt: skip
        with socket.create_connection(("127.0.0.1", live.port), timeout=5) as connection:
            connection.sendall(sent)
            while connection.recv(65536):
                pass
        assert metric_sum(live.get("/metrics").text, "htnet_rejected_total", reason=reason) == 1


def test_a_health_check_gets_in_beside_slow_connections(tmp_path: Path, tiny_models: Path) -> None:
    """From the same address, and several times as many as there is room for; they come again as they are cut."""
    stop = threading.Event()

    def drip(port: int) -> None:
        held: list[socket.socket] = []
        while not stop.is_set():
            with contextlib.suppress(OSError):
                slow = socket.create_connection(("127.0.0.1", port), timeout=1)
                slow.sendall(b"POST /v1/palsy/grade HTTP/1.1\r\nx-slow: ")
                held.append(slow)
            if len(held) > 120:
                held.pop(0).close()
            time.sleep(0.002)
        for slow in held:
            slow.close()

    with live_service(tmp_path, tiny_models, connections_max=64, connections_per_address_max=32) as live:
        threads = [threading.Thread(target=drip, args=(live.port,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            time.sleep(1)
            taken: list[float] = []
            for _ in range(35):
                started = time.monotonic()
                assert live.get("/livez", timeout=5).status_code == 200
                taken.append(time.monotonic() - started)
            assert max(taken) < 1.0
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert metric_sum(live.get("/metrics").text, "htnet_rejected_total", reason="connections") > 100


def test_a_draining_worker_sends_kept_connections_elsewhere(tmp_path: Path, tiny_models: Path) -> None:
    with live_service(tmp_path, tiny_models, drain_s=2) as live:
        kept = [http.client.HTTPConnection("127.0.0.1", live.port, timeout=10) for _ in range(6)]
        for connection in kept:
            connection.request("GET", "/v1/models")
            answer = connection.getresponse()
            assert answer.read()
            assert answer.getheader("connection") is None
        live.process.terminate()
        time.sleep(0.3)
        for connection in kept:
            connection.request("GET", "/v1/models")
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("connection")) == (200, "close")
            assert answer.read()
        assert live.process.wait(15) in (0, -15)
