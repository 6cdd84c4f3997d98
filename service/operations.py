"""Puts what surrounds the analysis together: the middlewares in their order, audit, keys, metrics, spans."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from service.admission.byte_budget import ByteBudget, Leftovers
from service.admission.gate import Gate, GateLimits
from service.admission.middleware import AdmissionMiddleware, Lane
from service.audit.prepare import prepare_database
from service.audit.store import AuditStore
from service.memory_shares import DECODING_SHARE, UPLOADS_SHARE, share_of_memory
from service.observability.metrics import Metrics
from service.observability.middleware import ObservabilityMiddleware
from service.observability.tracing import SpanSink
from service.operation_settings import OperationSettings
from service.root_path import RootPathMiddleware
from service.security.api_keys import KeyRing
from service.security.middleware import KeyMiddleware, SecurityHeadersMiddleware
from service.security.rate_limit import RateLimiter


@dataclass(slots=True)
class Drain:
    """Set when the service was told to stop: from then on it is not ready."""

    started: bool = False

    def start(self) -> None:
        """Be not ready from now on."""
        self.started = True


@dataclass(slots=True)
class Operations:
    """What one worker needs around its analyses. ``audit`` is None if it was switched off."""

    metrics: Metrics
    lanes: tuple[Lane, ...]
    decoding: ByteBudget
    leftovers: Leftovers
    keys: KeyRing | None
    rate: RateLimiter | None
    own_rates: Mapping[str, RateLimiter]
    audit: AuditStore | None
    spans: SpanSink | None
    drain: Drain = field(default_factory=Drain)

    def close(self) -> None:
        """Close the audit database and send the last spans."""
        if self.audit is not None:
            self.audit.close()
        if self.spans is not None:
            self.spans.close()


def build_operations(
    settings: OperationSettings,
    *,
    body_bytes: Mapping[str, int],
    clip_bytes: Mapping[str, int],
    live: Collection[str] = (),
) -> Operations:
    """Make everything from the settings. ``body_bytes``, ``clip_bytes``: by the template of each route that analyses
    photographs, or a clip, its largest body. ``live``: those that a page asks again and again while a camera runs; they
    have a rate of their own.

    Raises KeyFileError and AuditUnavailable: a service without its keys or its audit does not start.
    """
    metrics = Metrics()
    keys = None
    if settings.api_keys_file is not None:
        keys = KeyRing(settings.api_keys_file, on_error=metrics.key_file_errors.inc)
    rate = None
    if settings.rate_limit_per_minute is not None:
        rate = _rate(settings, settings.rate_limit_per_minute)
    audit_url = settings.audit_url.get_secret_value()
    if audit_url:
        prepare_database(audit_url)
    lanes = (_photographs(settings, body_bytes, live), _clips(settings, clip_bytes))
    decoding = ByteBudget(
        share_of_memory(settings, settings.decoding_max_bytes, DECODING_SHARE), wait_s=settings.queue_wait_s
    )
    return Operations(
        metrics=metrics,
        lanes=lanes,
        decoding=decoding,
        leftovers=Leftovers(decoding, *(lane.uploads for lane in lanes)),
        keys=keys,
        rate=rate,
        own_rates={template: _rate(settings, settings.live_rate_limit_per_minute) for template in live},
        audit=AuditStore(audit_url) if audit_url else None,
        spans=(
            SpanSink(endpoint=settings.otlp_endpoint, sample_ratio=settings.trace_sample_ratio)
            if settings.otlp_endpoint is not None
            else None
        ),
    )


def _rate(settings: OperationSettings, per_minute: float) -> RateLimiter:
    """Buckets belong to a worker: each gets its share, so that together they never let more through."""
    return RateLimiter(
        per_minute=per_minute / settings.workers, burst=max(1.0, settings.rate_limit_burst / settings.workers)
    )


def _photographs(settings: OperationSettings, body_bytes: Mapping[str, int], single: Collection[str]) -> Lane:
    return Lane(
        body_bytes=body_bytes,
        body_timeout_s=settings.body_timeout_s,
        work_timeout_s=settings.request_timeout_s,
        gate=Gate(
            GateLimits(
                running_max=settings.running_max,
                queue_max=settings.queue_max,
                queue_wait_s=settings.queue_wait_s,
                uploads_max=settings.uploads_max,
            )
        ),
        uploads=_bodies(settings, body_bytes),
        single=single,
    )


def _clips(settings: OperationSettings, clip_bytes: Mapping[str, int]) -> Lane:
    return Lane(
        body_bytes=clip_bytes,
        body_timeout_s=settings.clip_timeout_s,
        # The work itself stops at the time limit, and its own sentence should come first.
        work_timeout_s=settings.clip_timeout_s + settings.queue_wait_s,
        gate=Gate(
            GateLimits(
                running_max=settings.clips_running_max,
                queue_max=settings.clips_queue_max,
                queue_wait_s=settings.clips_queue_wait_s,
                uploads_max=settings.uploads_max,
            )
        ),
        uploads=_bodies(settings, clip_bytes),
        sent="clips",
        too_large="clip-too-large",
        single=frozenset(clip_bytes),
    )


def _bodies(settings: OperationSettings, body_bytes: Mapping[str, int]) -> ByteBudget:
    """Memory for the bodies of one lane, at least for one of the largest."""
    share = share_of_memory(settings, settings.uploads_max_bytes, UPLOADS_SHARE)
    return ByteBudget(max([share, *body_bytes.values()]), wait_s=settings.queue_wait_s)


def add_middlewares(app: Starlette, operations: Operations, settings: OperationSettings) -> None:
    """Wrap the app, outermost first: path, identity and telling, headers, CORS, keys and rate, admission."""
    routes = [(route.path, route.methods or ()) for route in iter_route_contexts(app.routes) if route.path is not None]
    templates = [template for template, _ in routes]
    for template, methods in routes:
        if "POST" in methods:
            # Counted from nought: of a series that begins with its first fault no rate can be made, and no alert.
            operations.metrics.requests.labels(template, "POST", "500")
    middlewares = [Middleware(RootPathMiddleware, root_path=settings.root_path)] if settings.root_path else []
    middlewares += [
        Middleware(ObservabilityMiddleware, metrics=operations.metrics, routes=templates, spans=operations.spans),
        Middleware(SecurityHeadersMiddleware, tls=settings.tls_certificate is not None),
    ]
    if settings.cors_allow_origins:
        middlewares.append(
            Middleware(
                CORSMiddleware,
                allow_origins=list(settings.cors_allow_origins),
                allow_methods=["GET", "POST"],
                allow_headers=["authorization", "x-api-key", "x-request-id", "traceparent"],
                expose_headers=["x-request-id", "retry-after"],
            )
        )
    middlewares += [
        Middleware(
            KeyMiddleware,
            keys=operations.keys,
            rate=operations.rate,
            own_rates=operations.own_rates,
            metrics=operations.metrics,
            protect_metrics=settings.metrics_need_key,
        ),
        Middleware(
            AdmissionMiddleware,
            lanes=operations.lanes,
            metrics=operations.metrics,
        ),
    ]
    app.user_middleware[:0] = middlewares
