"""The outermost layer of a request: its identity, one log line, one count, one span, and the security headers."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from time import perf_counter

from opentelemetry.trace import Span, StatusCode
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.observability.metrics import Metrics
from service.observability.request_context import RequestContext, choose_request_id, enter_request
from service.observability.tracing import SpanSink, caller_of, ids_below, ids_of
from service.route_templates import RouteTemplates

logger = logging.getLogger("service.access")

_SERVER_ERROR = 500
# nginx's code for a client that hung up before an answer; it reaches only logs and metrics.
_CLIENT_CLOSED_REQUEST = 499
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ObservabilityMiddleware:
    """Give each request an id, and tell of its end.

    ``routes`` are the templates of all routes. ``quiet_routes`` (health checks, scrapes) are counted but not logged.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        routes: Iterable[str],
        quiet_routes: Collection[str] = ("/livez", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"),
        spans: SpanSink | None = None,
    ) -> None:
        self.app = app
        self._metrics = metrics
        self._routes = RouteTemplates(routes)
        self._quiet_routes = frozenset(quiet_routes)
        self._spans = spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        headers = Headers(scope=scope)
        caller = caller_of(headers)
        span: Span | None = None
        if self._spans is not None:
            span = self._spans.start(f"{scope['method']} {scope['path']}", caller)
        trace_id, span_id = ids_below(caller) if span is None else ids_of(span)
        context = RequestContext(
            request_id=choose_request_id(headers.get("x-request-id")), trace_id=trace_id, span_id=span_id
        )
        scope.setdefault("state", {})
        scope["state"]["request_context"] = context
        scope["state"]["request_id"] = context.request_id
        enter_request(context)
        status = _CLIENT_CLOSED_REQUEST

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).setdefault("x-request-id", context.request_id)
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except BaseException:
            status = _SERVER_ERROR if status == _CLIENT_CLOSED_REQUEST else status
            raise
        finally:
            self._tell(scope, status=status, duration_s=perf_counter() - started, span=span)

    def route_of(self, scope: Scope) -> str:
        """The route's template, also of a request that was refused before the router ran: one of a few labels."""
        return self._routes.template_of(scope["path"]) or "unmatched"

    def _tell(self, scope: Scope, *, status: int, duration_s: float, span: Span | None) -> None:
        route = self.route_of(scope)
        method = scope["method"] if scope["method"] in _KNOWN_METHODS else "other"
        self._metrics.requests.labels(route, method, str(status)).inc()
        self._metrics.request_seconds.labels(route).observe(duration_s)
        stages: dict[str, float] = scope["state"].get("stages_ms", {})
        if route not in self._quiet_routes:
            extra: dict[str, object] = {
                "method": method,
                "route": route,
                "status": status,
                "duration_ms": round(duration_s * 1e3, 2),
            }
            if "refused" in scope["state"]:
                extra["reason"] = scope["state"]["refused"]
                # A series of wrong keys must be traceable; an answered request has its key.
                extra["client"] = scope["client"][0] if scope.get("client") else None
            if stages:
                extra["stage_ms"] = {name: round(value, 2) for name, value in stages.items()}
            logger.info("request", extra=extra)
        if span is not None:
            span.update_name(f"{method} {route}")
            span.set_attribute("http.route", route)
            span.set_attribute("http.request.method", method)
            span.set_attribute("http.response.status_code", status)
            if status >= _SERVER_ERROR:
                span.set_status(StatusCode.ERROR)
            if stages and self._spans is not None:
                self._spans.add_stages(span, {name: value for name, value in stages.items() if name != "total"})
            span.end()
