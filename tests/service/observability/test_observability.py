"""Identity, log lines, traces and counters of a request."""

import io
import json
import logging
import re
from collections.abc import Iterator

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import get_current_span
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from service.observability.json_logging import JsonFormatter, PlainFormatter
from service.observability.metrics import Metrics
from service.observability.middleware import ObservabilityMiddleware
from service.observability.request_context import RequestContext, choose_request_id, enter_request
from service.observability.tracing import SpanSink, caller_of, ids_below

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "header",
    [
        "", "00", f"00-{TRACE}-{SPAN}",
        f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-more", f"00-{TRACE}-{SPAN}-1",
    ],
)  # fmt: skip
def test_invalid_traceparent_starts_a_new_trace(header: str) -> None:
    caller = caller_of({"traceparent": header, "tracestate": "vendor=1"})
    assert not get_current_span(caller).get_span_context().is_valid
    ids = [ids_below(caller) for _ in range(2)]
    assert ids[0][0] != ids[1][0] != TRACE
    assert all(re.fullmatch(r"[0-9a-f]{32} [0-9a-f]{16}", " ".join(pair)) for pair in ids)


def test_traceparent() -> None:
    parent = get_current_span(caller_of({"traceparent": f"00-{TRACE}-{SPAN}-01"})).get_span_context()
    assert (f"{parent.trace_id:032x}", f"{parent.span_id:016x}", parent.trace_flags.sampled) == (TRACE, SPAN, True)
    future = get_current_span(caller_of({"traceparent": f"01-{TRACE}-{SPAN}-00-more"})).get_span_context()
    assert future.is_valid
    assert not future.trace_flags.sampled


@pytest.fixture
def access_log(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """The access log's lines, as the service writes them."""
    handler = logging.StreamHandler(lines := io.StringIO())
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("service.access")
    logger.addHandler(handler)
    with caplog.at_level(logging.INFO, logger="service.access"):
        yield lines
    logger.removeHandler(handler)


@pytest.mark.parametrize(
    ("headers", "trace"),
    [({"traceparent": f"00-{TRACE}-{SPAN}-00"}, TRACE), ({"traceparent": "nonsense"}, None), ({}, None)],
    ids=["valid", "not-valid", "none"],
)
async def test_log_has_the_callers_trace_or_a_new_one(
    access_log: io.StringIO, headers: dict[str, str], trace: str | None
) -> None:
    client, _, _ = build()
    async with client:
        for _ in range(2):
            await client.get("/v1/things/7", headers=headers)
    lines = [json.loads(line) for line in access_log.getvalue().splitlines()]
    traces, spans = ({line[name] for line in lines} for name in ("trace_id", "span_id"))
    assert len(spans) == len(spans - {SPAN}) == 2
    assert traces == {trace} if trace else len(traces) == 2


@pytest.mark.parametrize("offered", ["short", "a" * 65, "bad id with spaces", 'quote"quote"', None])
def test_harmful_request_ids_are_replaced(offered: str | None) -> None:
    assert len(choose_request_id(offered)) == 32


def line_of(record: logging.LogRecord) -> dict[str, object]:
    parsed: dict[str, object] = json.loads(JsonFormatter().format(record))
    return parsed


def test_log_line_has_no_exception_message_and_no_unknown_field() -> None:
    enter_request(RequestContext(request_id="request-1", trace_id=TRACE, span_id=SPAN, key_id="ward"))
    stream = io.StringIO()
    logger = logging.getLogger("test.observability")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    logger.propagate = False
    try:
        try:
            raise ValueError("patient-7.jpg")
        except ValueError:
            logger.exception("it failed", extra={"filename_of_upload": "patient-7.jpg", "status": 500})
    finally:
        logger.removeHandler(handler)
    line = json.loads(stream.getvalue())
    assert "patient-7" not in stream.getvalue()
    assert (line["request_id"], line["trace_id"], line["key_id"], line["status"]) == ("request-1", TRACE, "ward", 500)
    assert line["exception"] == "ValueError"
    assert line["stack"]


def test_plain_line() -> None:
    record = logging.LogRecord("service", logging.INFO, __file__, 1, "hello", None, None)
    assert "INFO    service: hello" in PlainFormatter().format(record)
    assert line_of(record)["level"] == "info"


def build(exporter: InMemorySpanExporter | None = None) -> tuple[httpx.AsyncClient, Metrics, SpanSink | None]:
    async def stages(request: Request) -> PlainTextResponse:
        request.state.stages_ms = {"decode": 2.0, "inference": 5.0, "total": 8.0}
        return PlainTextResponse(request.state.request_id)

    spans = SpanSink(endpoint=None, sample_ratio=1.0, exporter=exporter) if exporter is not None else None
    metrics = Metrics()
    app = Starlette(routes=[Route("/v1/things/{thing}", stages)])
    app.add_middleware(ObservabilityMiddleware, metrics=metrics, routes=["/docs", "/v1/things/{thing}"], spans=spans)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
    return client, metrics, spans


async def test_requests_are_counted_by_template() -> None:
    client, metrics, _ = build()
    async with client:
        for number in range(3):
            await client.get(f"/v1/things/{number}")
        await client.get("/wp-admin")
        await client.request("BREW", "/v1/things/1")
    text = metrics.render().decode()
    assert 'htnet_http_requests_total{method="GET",route="/v1/things/{thing}",status="200"} 3.0' in text
    assert 'htnet_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'method="other"' in text
    assert "wp-admin" not in text


async def test_spans_hang_below_the_caller() -> None:
    exporter = InMemorySpanExporter()
    client, _, spans = build(exporter)
    assert spans is not None
    async with client:
        answer = await client.get(
            "/v1/things/7",
            headers={
                "traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1,other=2", "x-request-id": "request-7",
            },
        )  # fmt: skip
    spans.close()
    assert answer.text == answer.headers["x-request-id"] == "request-7"
    finished = {span.name.split(" ")[0]: span for span in exporter.get_finished_spans()}
    server = finished["GET"]
    assert server.context is not None
    assert server.parent is not None
    assert f"{server.context.trace_id:032x}" == TRACE
    assert f"{server.parent.span_id:016x}" == SPAN
    assert set(finished) == {"GET", "decode", "inference"}
    assert {span.context.trace_state.to_header() for span in finished.values()} == {"vendor=1,other=2"}
    for stage in ("decode", "inference"):
        parent = finished[stage].parent
        assert parent is not None
        assert parent.span_id == server.context.span_id


@pytest.mark.parametrize(("flags", "spans_of_three"), [("00", 0), ("01", 3)])
async def test_the_caller_says_whether_spans_are_exported(flags: str, spans_of_three: int) -> None:
    exporter = InMemorySpanExporter()
    client, _, spans = build(exporter)
    assert spans is not None
    async with client:
        await client.get("/v1/things/7", headers={"traceparent": f"00-{TRACE}-{SPAN}-{flags}"})
    spans.close()
    assert len(exporter.get_finished_spans()) == spans_of_three


def test_sample_ratio_is_checked() -> None:
    with pytest.raises(ValueError, match=r"1\.5"):
        SpanSink(endpoint="http://127.0.0.1:1/v1/traces", sample_ratio=1.5)


def test_answers_feed_the_drift_histograms() -> None:
    metrics = Metrics()
    metrics.observe_answer(
        task="palsy", label="III", probability=0.62, timings_ms={"decode": 3.0, "total": 9.0},
        quality={"face_width_px": 210.0, "yaw_deg": -4.0, "pitch_deg": 1.0, "roll_deg": 0.0, "sharpness": 50.0},
    )  # fmt: skip
    metrics.observe_refusal(task="palsy", reason="no-face")
    text = metrics.render().decode()
    assert 'htnet_answers_total{label="III",task="palsy"} 1.0' in text
    assert 'htnet_refusals_total{reason="no-face",task="palsy"} 1.0' in text
    assert 'htnet_face_angle_degrees_bucket{axis="yaw",le="0.0",task="palsy"} 1.0' in text
    assert 'stage="total"' not in text
