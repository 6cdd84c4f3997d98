"""Traces over OTLP/HTTP: a receiver on a real socket gets the spans of a real request, straight and through two
collectors that others have written: Rotel, and the OpenTelemetry project's own where HTNET_TEST_OTELCOL names its
program or `otelcol` is on the path (docs/research/operations says how it is built without a registry of images).
"""

import gzip
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.ops.live_service import GRADE, free_port, live_service

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@contextmanager
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """(the URL of the traces, what was received)."""
    received: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers["content-encoding"] == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf":
                received.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/traces", received
        finally:
            server.shutdown()
            thread.join()


def rotel() -> str | None:
    """Rotel's program, of its package (pip install rotel==0.0.1a15, built for Python 3.11) or on the path."""
    spec = find_spec("rotel")
    packaged = Path(spec.origin).with_name("rotel-agent") if spec is not None and spec.origin else None
    return str(packaged) if packaged is not None and packaged.is_file() else shutil.which("rotel-agent")


@contextmanager
def through_rotel(receiver: str, folder: Path) -> Iterator[str]:
    """The URL of the traces at Rotel, a collector for OpenTelemetry, which hands on what it gets."""
    program = rotel()
    if program is None:
        pytest.skip("Rotel is not installed: pip install rotel==0.0.1a15")
    port, grpc_port = free_port(), free_port()
    command = [
        program, "start", "--otlp-http-endpoint", f"127.0.0.1:{port}", "--otlp-grpc-endpoint",
        f"127.0.0.1:{grpc_port}", "--exporter", "otlp", "--otlp-exporter-protocol", "http",
        "--otlp-exporter-endpoint", receiver.removesuffix("/v1/traces"),
    ]  # fmt: skip
    with running(command, port, folder / "rotel.log") as url:
        yield url


@contextmanager
def through_otelcol(receiver: str, folder: Path) -> Iterator[str]:
    """The URL of the traces at the OpenTelemetry project's collector: its core receiver, processor and exporter."""
    program = os.environ.get("HTNET_TEST_OTELCOL") or shutil.which("otelcol")
    if program is None:
        pytest.skip("the OpenTelemetry collector is not here: HTNET_TEST_OTELCOL=/path/to/otelcol")
    port = free_port()
    pipeline = {"receivers": ["otlp"], "processors": ["batch"], "exporters": ["otlphttp"]}
    configuration = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}},
        "processors": {"batch": {}},
        "exporters": {"otlphttp": {"endpoint": receiver.removesuffix("/v1/traces")}},
        "service": {"pipelines": {"traces": pipeline}, "telemetry": {"metrics": {"level": "none"}}},
    }
    (folder / "otelcol.yaml").write_text(yaml.safe_dump(configuration))
    with running([program, "--config", str(folder / "otelcol.yaml")], port, folder / "otelcol.log") as url:
        yield url


@contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[str]:
    """A collector, from when it listens; at the end it hands on what it still holds."""
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + 20
            while True:
                try:
                    httpx.get(f"http://127.0.0.1:{port}/", timeout=1)
                    break
                except httpx.TransportError:
                    assert time.monotonic() < deadline, log.read_text()
                    assert process.poll() is None, log.read_text()
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/v1/traces"
        finally:
            process.terminate()
            process.wait(20)


def spans_of(received: list[ExportTraceServiceRequest]) -> list[Span]:
    return [
        span
        for request in received
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


@pytest.mark.parametrize(
    "way",
    [lambda url, _folder: nullcontext(url), through_rotel, through_otelcol],
    ids=["straight", "rotel", "otelcol"],
)
def test_a_request_and_its_stages_arrive(
    tmp_path: Path,
    tiny_models: Path,
    astronaut_jpeg: bytes,
    way: Callable[[str, Path], AbstractContextManager[str]],
) -> None:
    with collector() as (receiver, received):
        with (
            way(receiver, tmp_path) as url,
            live_service(tmp_path, tiny_models, otlp_endpoint=url, trace_sample_ratio=0) as live,
        ):
            headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            files = {"image": ("secret-name.jpg", astronaut_jpeg)}
            assert httpx.post(live.url + GRADE, files=files, headers=headers, timeout=30).status_code == 200
            assert httpx.post(live.url + GRADE, files=files, timeout=30).status_code == 200
        # The service has ended: what was not sent by then is lost.
        spans = spans_of(received)
    (server,) = [span for span in spans if span.kind == Span.SPAN_KIND_SERVER]
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, PARENT)
    assert server.name == f"POST {GRADE}"
    attributes = {item.key: item.value for item in server.attributes}
    assert attributes["http.response.status_code"].int_value == 200
    assert server.status.code != Status.STATUS_CODE_ERROR
    stages = [span for span in spans if span.parent_span_id == server.span_id]
    assert {"decode", "landmarks", "inference"} <= {span.name for span in stages}
    # The other request had no sampled caller, and the ratio is 0.
    assert len(stages) + 1 == len(spans)
    names = {pair.key: pair.value.string_value for pair in received[0].resource_spans[0].resource.attributes}
    assert names["service.name"] == "htnet-clinical"
    assert b"secret-name" not in b"".join(request.SerializeToString() for request in received)


def test_a_collector_that_is_away_costs_no_request(tmp_path: Path, tiny_models: Path, astronaut_jpeg: bytes) -> None:
    with live_service(tmp_path, tiny_models, otlp_endpoint="http://127.0.0.1:9/v1/traces") as live:
        for _ in range(3):
            assert httpx.post(live.url + GRADE, files={"image": astronaut_jpeg}, timeout=30).status_code == 200
        started = time.monotonic()
        live.process.terminate()
        assert live.process.wait(40) in (0, -15)
        stopping_s = time.monotonic() - started
    assert stopping_s < 10
