"""W3C Trace Context in, OpenTelemetry spans out (only if an endpoint is set)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

import requests
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

# With all retries; a collector that is away may hold up the stop of the service by this.
_EXPORT_TIMEOUT_S = 3.0
_VERSION_00_FIELDS = 4
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class TraceParent:
    """The caller's ``traceparent``: 32 hex digits, 16 hex digits, and whether the caller samples."""

    trace_id: str
    span_id: str
    sampled: bool


def parse_traceparent(header: bytes | None) -> TraceParent | None:
    """Parse a ``traceparent`` header (https://www.w3.org/TR/trace-context/); None if absent or not valid.

    The recommendation asks to start a new trace on an invalid header, not to refuse the request.
    """
    if header is None:
        return None
    fields = header.decode("latin-1").strip().split("-")
    if len(fields) < _VERSION_00_FIELDS:
        return None
    version, trace_id, span_id, flags = fields[:4]
    wanted_lengths = [(version, 2), (trace_id, 32), (span_id, 16), (flags, 2)]
    if any(len(field) != length or not _HEX.issuperset(field) for field, length in wanted_lengths):
        return None
    if version == "ff" or (version == "00" and len(fields) != _VERSION_00_FIELDS):
        return None
    if set(trace_id) == {"0"} or set(span_id) == {"0"}:
        return None
    return TraceParent(trace_id=trace_id, span_id=span_id, sampled=bool(int(flags, 16) & 1))


def new_trace_id() -> str:
    """32 random hex digits."""
    return secrets.token_hex(16)


def new_span_id() -> str:
    """16 random hex digits."""
    return secrets.token_hex(8)


class SpanSink:
    """Export one server span per request, with a child span per stage, to an OpenTelemetry collector.

    The provider is our own and not the process-wide one, so that tests and several apps in one process stay apart.

    ``endpoint`` is the full OTLP/HTTP URL of the traces; ``sample_ratio`` in 0..1 holds for requests without a
    sampled parent.
    """

    def __init__(self, *, endpoint: str | None, sample_ratio: float, exporter: SpanExporter | None = None) -> None:
        if not 0.0 <= sample_ratio <= 1.0:
            raise ValueError(f"sample_ratio must lie in 0..1, got {sample_ratio}")
        if exporter is None:
            if endpoint is None:
                raise ValueError("either endpoint or exporter must be given")
            # The collector is asked for directly: the environment's proxy is a dead end (preprocessing.usage_reports).
            session = requests.Session()
            session.trust_env = False
            exporter = OTLPSpanExporter(endpoint=endpoint, session=session, timeout=_EXPORT_TIMEOUT_S)
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "htnet-clinical"}),
            sampler=ParentBased(TraceIdRatioBased(sample_ratio)),
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("service")

    def start(self, name: str, parent: TraceParent | None) -> trace.Span:
        """Start the server span of a request, below the caller's span if there is one."""
        context = None
        if parent is not None:
            remote = trace.SpanContext(
                trace_id=int(parent.trace_id, 16),
                span_id=int(parent.span_id, 16),
                is_remote=True,
                trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED if parent.sampled else 0),
            )
            context = trace.set_span_in_context(trace.NonRecordingSpan(remote))
        return self._tracer.start_span(name, context=context, kind=trace.SpanKind.SERVER)

    def add_stages(self, span: trace.Span, stages_ms: Mapping[str, float]) -> None:
        """Add a child span per stage, laid end to end so that the last one ends now (the stages run in sequence)."""
        end_ns = time.time_ns()
        start_ns = end_ns - int(sum(stages_ms.values()) * 1e6)
        context = trace.set_span_in_context(span)
        for stage, duration_ms in stages_ms.items():
            child = self._tracer.start_span(stage, context=context, start_time=start_ns)
            start_ns += int(duration_ms * 1e6)
            child.end(end_time=start_ns)

    def close(self) -> None:
        """Send what is left and stop the exporter's thread."""
        self._provider.shutdown()


def ids_of(span: trace.Span) -> tuple[str, str]:
    """(trace id, span id) of a span in hex digits."""
    context = span.get_span_context()
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"
