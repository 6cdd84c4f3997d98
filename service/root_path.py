"""The path under which a proxy publishes the service, taken away before anything looks at a request's path."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class RootPathMiddleware:
    """Outermost of all: keys, limits and routes know the paths without it.

    A proxy that takes the path away itself, and a health check that goes past the proxy, are served as well.
    """

    def __init__(self, app: ASGIApp, *, root_path: str) -> None:
        if not root_path.startswith("/") or root_path.endswith("/"):
            raise ValueError(f"a root path begins with / and does not end with it, got {root_path!r}")
        self.app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            path: str = scope["path"]
            if path == self._root_path or path.startswith(f"{self._root_path}/"):
                scope = {**scope, "path": path.removeprefix(self._root_path) or "/"}
        await self.app(scope, receive, send)
