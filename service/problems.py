"""The one table of error codes, and RFC 9457 problem details made from it.

Domain exceptions carry a ``code`` and no HTTP status; this table gives the status, for the handlers, for the
middlewares that refuse before any handler runs, and for the OpenAPI description.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.types import Scope, Send

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """Status and title of one error code."""

    status: int
    title: str


PROBLEMS: Mapping[str, ProblemType] = {
    "empty-image": ProblemType(400, "The image is empty"),
    "undecodable-image": ProblemType(400, "The image cannot be decoded"),
    "invalid-request": ProblemType(400, "The request cannot be read"),
    "unauthorized": ProblemType(401, "A valid API key is needed"),
    "forbidden": ProblemType(403, "This API key may not do that"),
    "not-found": ProblemType(404, "There is nothing here"),
    "model-not-loaded": ProblemType(404, "No model is loaded for this task"),
    "method-not-allowed": ProblemType(405, "This method is not allowed here"),
    "request-timeout": ProblemType(408, "The request came too slowly"),
    "image-too-large": ProblemType(413, "The image is too large"),
    "unsupported-media-type": ProblemType(415, "The media type is not supported"),
    "invalid-parameters": ProblemType(422, "The parameters are not valid"),
    "no-face": ProblemType(422, "No face was found"),
    "multiple-faces": ProblemType(422, "Several faces were found"),
    "face-too-small": ProblemType(422, "The face is too small"),
    "face-turned-away": ProblemType(422, "The face is turned away"),
    "out-of-distribution": ProblemType(422, "The face is unlike those that the model knows"),
    "different-faces": ProblemType(422, "Onset and apex do not show the same face"),
    "head-turned": ProblemType(422, "The head turned between onset and apex"),
    "movement-too-large": ProblemType(422, "The movement is too large for a micro-expression"),
    "no-motion": ProblemType(422, "Nothing moves between onset and apex"),
    "rate-limited": ProblemType(429, "Too many requests with this key"),
    "headers-too-large": ProblemType(431, "The request's head is too large"),
    "internal-error": ProblemType(500, "Something went wrong inside the service"),
    "overloaded": ProblemType(503, "The service is busy"),
    "audit-unavailable": ProblemType(503, "The audit record cannot be written"),
    "not-ready": ProblemType(503, "The service is not ready"),
}


def render_problem(code: str, detail: str, *, request_id: str, instance: str) -> bytes:
    """The JSON text of a problem. Raises KeyError if ``code`` is not in the table."""
    problem = PROBLEMS[code]
    return json.dumps(
        {
            "type": f"urn:htnet:problem:{code}",
            "title": problem.title,
            "status": problem.status,
            "detail": detail,
            "instance": instance,
            "request_id": request_id,
            "code": code,
        }
    ).encode()


async def send_problem(
    scope: Scope, send: Send, code: str, detail: str, *, headers: Iterable[tuple[bytes, bytes]] = (), reason: str = ""
) -> None:
    """Answer with a problem from a middleware. ``reason`` (default: the code) goes to the log line.

    The connection stays open: what is left of the body is read and thrown away, so that the client sees the answer
    instead of a reset connection.
    """
    state = scope.setdefault("state", {})
    state["refused"] = reason or code
    body = render_problem(code, detail, request_id=state.get("request_id", ""), instance=scope["path"])
    await send(
        {
            "type": "http.response.start",
            "status": PROBLEMS[code].status,
            "headers": [
                (b"content-type", MEDIA_TYPE.encode()),
                (b"content-length", str(len(body)).encode()),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
