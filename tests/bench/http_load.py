"""The service and the naive peer over HTTP: requests per second, latency, CPU per request, memory, start."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.bench.measuring import summary, tree_cpu_s, tree_rss_mb

_BOUNDARY = "bench-boundary"


@dataclass
class Server:
    """A running server process. start_s: from the start of the process to the first 200 of /readyz."""

    port: int
    process: psutil.Process
    start_s: float


@contextmanager
def running(command: Sequence[str], port: int, environment: dict[str, str] | None = None) -> Iterator[Server]:
    # The bench's own settings, such as HTNET_BENCH_MODE, are none of the service's, which would refuse to start.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HTNET_")}
    started = time.perf_counter()
    child = subprocess.Popen(command, env={**inherited, **(environment or {})}, cwd=Path(__file__).parents[2])
    try:
        while not _ready(port):
            if child.poll() is not None:
                raise RuntimeError(f"{' '.join(command)} ended with {child.returncode} before it was ready")
            if time.perf_counter() - started > 120:
                raise RuntimeError(f"{' '.join(command)} was not ready within 120 s")
            time.sleep(0.05)
        yield Server(port=port, process=psutil.Process(child.pid), start_s=time.perf_counter() - started)
    finally:
        child.terminate()
        try:
            child.wait(timeout=30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def service(models: Path, *, workers: int, running_max: int = 2) -> Iterator[Server]:
    """Our server with an audit database of its own; running_max: analyses at a time in a worker (2 is the default)."""
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "HTNET_HOST": "127.0.0.1",
            "HTNET_PORT": str(port),
            "HTNET_MODELS_DIR": str(models),
            "HTNET_WORKERS": str(workers),
            "HTNET_RUNNING_MAX": str(running_max),
            "HTNET_AUDIT_URL": f"sqlite:///{folder}/audit.sqlite",
            # The benchmark offers more than the default lets wait: it measures throughput, the overload proof measures
            # refusals.
            "HTNET_QUEUE_MAX": "64",
            "HTNET_QUEUE_WAIT_S": "60",
            "HTNET_LOG_LEVEL": "warning",
        }
        with running([sys.executable, "-m", "service"], port, environment) as server:
            yield server


def naive_peer(checkpoint: Path) -> Any:
    port = _free_port()
    return running([sys.executable, "-m", "tests.bench.naive_service", str(checkpoint), str(port)], port)


def bare_server(answer_bytes: int) -> Any:
    port = _free_port()
    return running([sys.executable, "-m", "tests.bench.bare_http", str(answer_bytes), str(port)], port)


def load(server: Server, photo: bytes, *, concurrency: int, requests: int) -> dict[str, Any]:
    """Sends `requests` photographs over `concurrency` kept connections -> figures; CPU is the server's processes', and
    the client's is told beside it, since it shares the cores."""
    body = _multipart(photo)
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    lock = threading.Lock()
    remaining = iter(range(requests))

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        while True:
            with lock:
                if next(remaining, None) is None:
                    break
            started = time.perf_counter()
            status = _post(connection, body)
            spent = time.perf_counter() - started
            with lock:
                latencies.append(1e3 * spent)
                statuses[status] = statuses.get(status, 0) + 1
        connection.close()

    cpu, started = tree_cpu_s(server.process), time.perf_counter()
    own_cpu = time.process_time()
    threads = [threading.Thread(target=client) for _ in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - started
    own_cpu = time.process_time() - own_cpu
    return {
        "requests": requests,
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "requests_per_s": round(requests / wall, 2),
        "latency_ms": summary(latencies),
        "latencies": latencies,
        "cpu_ms_per_request": round(1e3 * (tree_cpu_s(server.process) - cpu) / requests, 2),
        "client_cpu_ms_per_request": round(1e3 * own_cpu / requests, 2),
        "rss_mb": round(tree_rss_mb(server.process), 1),
    }


def _multipart(photo: bytes) -> bytes:
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="p.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode()
    return head + photo + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _post(connection: http.client.HTTPConnection, body: bytes) -> int:
    headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    connection.request("POST", "/v1/palsy/grade", body, headers)
    response = connection.getresponse()
    response.read()
    return response.status


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
