"""Check the API key and the caller's rate before anything of the body is read; tell browsers what not to do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.observability.metrics import Metrics
from service.observability.request_context import RequestContext
from service.problems import INFERENCE_PATH, send_problem
from service.security.api_keys import ApiKey, KeyRing
from service.security.rate_limit import RateLimiter, retry_after

# What needs a key; health checks do not, under whichever name an orchestrator looks for them.
PROTECTED_PREFIXES = ("/v1/", f"{INFERENCE_PATH}/")
PUBLIC_PREFIX = f"{INFERENCE_PATH}/health/"
ADMIN_PREFIX = "/v1/audit"
METRICS_PATH = "/metrics"


class KeyMiddleware:
    """Ask for an API key on ``/v1/`` and ``/v2`` (on ``/metrics`` if wanted), for an admin key on ``/v1/audit``.

    ``own_rates``: of paths that do not count with the others. Without a key ring every caller is let in, except to the
    audit records: these are never public.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: KeyRing | None,
        rate: RateLimiter | None,
        own_rates: Mapping[str, RateLimiter] = MappingProxyType({}),
        metrics: Metrics,
        protect_metrics: bool = False,
    ) -> None:
        self.app = app
        self._keys = keys
        self._rate = rate
        self._own_rates = own_rates
        self._metrics = metrics
        self._protect_metrics = protect_metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        protected = is_protected(path) or (self._protect_metrics and path == METRICS_PATH)
        # A browser asks with OPTIONS before it may send a key.
        if not protected or scope["method"] == "OPTIONS":
            await self.app(scope, receive, send)
            return
        key: ApiKey | None = None
        if self._keys is not None:
            key = self._keys.find(presented_key(Headers(scope=scope)))
            if key is None:
                self._metrics.reject("unauthorized")
                detail = "Send a valid API key: 'Authorization: Bearer <key>' or 'X-API-Key: <key>'."
                await send_problem(
                    scope, send, "unauthorized", detail, headers=[(b"www-authenticate", b'Bearer realm="htnet"')]
                )
                return
            context: RequestContext | None = scope["state"].get("request_context")
            if context is not None:
                context.key_id = key.key_id
        if path.startswith(ADMIN_PREFIX) and (key is None or key.role != "admin"):
            self._metrics.reject("forbidden")
            await send_problem(scope, send, "forbidden", "The audit records are for admin keys only.")
            return
        rate = self._own_rates.get(path, self._rate)
        if rate is not None:
            client = scope.get("client")
            caller = key.key_id if key is not None else str(client[0] if client else "unknown")
            wait_s = rate.take(caller)
            if wait_s > 0:
                self._metrics.reject("rate-limit")
                detail = f"This key has used up its rate; the next request is let in after {wait_s:.1f} s."
                await send_problem(scope, send, "rate-limited", detail, headers=[retry_after(wait_s)])
                return
            scope["state"]["charge"] = partial(rate.charge, caller)
        await self.app(scope, receive, send)


def is_protected(path: str) -> bool:
    """Whether a key is needed there, if the service has keys."""
    return f"{path}/".startswith(PROTECTED_PREFIXES) and not path.startswith(PUBLIC_PREFIX)


def presented_key(headers: Headers) -> str:
    """The key that the caller sent; empty if there is none."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return secret.strip()
    return headers.get("x-api-key", "")


class SecurityHeadersMiddleware:
    """Headers that keep browsers from guessing, framing, caching and calling out."""

    def __init__(self, app: ASGIApp, *, tls: bool) -> None:
        self.app = app
        self._tls = tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("x-content-type-options", "nosniff")
                headers.setdefault("x-frame-options", "DENY")
                headers.setdefault("referrer-policy", "no-referrer")
                headers.setdefault("cross-origin-opener-policy", "same-origin")
                headers.setdefault("cross-origin-resource-policy", "same-origin")
                headers.setdefault("permissions-policy", "camera=(self), microphone=(), geolocation=()")
                headers.setdefault("content-security-policy", policy_for(scope["path"]))
                if is_protected(scope["path"]):
                    headers.setdefault("cache-control", "no-store")
                if self._tls:
                    headers.setdefault("strict-transport-security", "max-age=31536000; includeSubDomains")
            await send(message)

        await self.app(scope, receive, send_with_headers)


def policy_for(path: str) -> str:
    """The Content-Security-Policy of a path: nothing for the API, own files for the page."""
    if (
        is_protected(path)
        or path.startswith(PUBLIC_PREFIX)
        or path in ("/metrics", "/livez", "/readyz", "/openapi.json")
    ):
        return "default-src 'none'; frame-ancestors 'none'"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )
