"""The page's files, and those of the API's description, as routes.

They are read once at start, so that a request can reach nothing else on the disk. All come from this service: the
networks of hospitals do not reach content networks.
"""

from __future__ import annotations

import hashlib
from importlib.resources import as_file, files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_STATIC = Path(__file__).parent / "static"
_SWAGGER = Path(__file__).parent / "swagger"
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
# No inline script or style, nothing from elsewhere. blob: and data: are the photograph and the maps over it.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)


def page_routes() -> list[Route]:
    """`/` and every file below static/, for GET and HEAD."""
    routes = []
    for path in sorted(_STATIC.rglob("*")):
        if path.is_file():
            name = path.relative_to(_STATIC).as_posix()
            routes.append(_route("/" if name == "index.html" else f"/{name}", path))
    return routes


def docs_routes() -> list[Route]:
    """`/docs`: Swagger UI as its wheel carries it, started by a script of our own."""
    with as_file(files("fastapi_swagger") / "resources") as bundled:
        names = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
        return [
            _route("/docs", _SWAGGER / "docs.html"),
            _route("/docs/start.js", _SWAGGER / "start.js"),
            *(_route(f"/docs/{name}", bundled / name) for name in names),
        ]


def _route(url: str, path: Path) -> Route:
    content = path.read_bytes()
    headers = {
        "Content-Type": _MEDIA_TYPES[path.suffix],
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Cache-Control": "no-cache",  # always ask: a new version of the service brings its own page
        "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
    }

    async def send_file(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers)

    return Route(url, send_file, methods=["GET"], include_in_schema=False)
