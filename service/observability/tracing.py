"""W3C Trace Context in, OpenTelemetry spans out (only if an endpoint is set)."""

from __future__ import annotations

import time
from collections.abc import Mapping

import requests
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

# With all retries; a collector that is away may hold up the stop of the service by this.
_EXPORT_TIMEOUT_S = 3.0
_PROPAGATOR = TraceContextTextMapPropagator()
_IDS = RandomIdGenerator()


def caller_of(headers: Mapping[str, str]) -> Context:
    """The caller's span, from ``traceparent`` and ``tracestate`` (https://www.w3.org/TR/trace-context/).

    Empty if there is none or it is not valid: the recommendation asks to start a new trace then, not to refuse.
    """
    return _PROPAGATOR.extract(headers)


def ids_below(caller: Context) -> tuple[str, str]:
    """(trace id, span id) in hex digits of a request without a span: the caller's trace or a new one, a new span id."""
    trace_id = trace.get_current_span(caller).get_span_context().trace_id or _IDS.generate_trace_id()
    return trace.format_trace_id(trace_id), trace.format_span_id(_IDS.generate_span_id())


def ids_of(span: trace.Span) -> tuple[str, str]:
    """(trace id, span id) of a span in hex digits."""
    context = span.get_span_context()
    return trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id)


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
            # The collector is asked for directly: with MediaPipe the environment's proxy is a dead end
            # (face.landmarks.mediapipe_reference.usage_reports).
            session = requests.Session()
            session.trust_env = False
            exporter = OTLPSpanExporter(endpoint=endpoint, session=session, timeout=_EXPORT_TIMEOUT_S)
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "htnet-clinical"}),
            sampler=ParentBased(TraceIdRatioBased(sample_ratio)),
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("service")

    def start(self, name: str, caller: Context) -> trace.Span:
        """Start the server span of a request, below the caller's span if there is one."""
        return self._tracer.start_span(name, context=caller, kind=trace.SpanKind.SERVER)

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
