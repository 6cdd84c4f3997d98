"""The one table of error codes, and RFC 9457 problem details made from it; under /v2 the Open Inference Protocol's
errors.

Domain exceptions carry a ``code`` and no HTTP status; this table gives the status, for the handlers, for the
middlewares that refuse before any handler runs, and for the OpenAPI description.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.types import Scope, Send

MEDIA_TYPE = "application/problem+json"
# The Open Inference Protocol, whose clients read errors of their own.
INFERENCE_PATH = "/v2"
# Its clients know 400 for all that is wrong with an inference.
_INFERENCE_STATUS = {422: 400}


@dataclass(frozen=True, slots=True)
class ProblemType:
    """Status and title of one error code."""

    status: int
    title: str


PROBLEMS: Mapping[str, ProblemType] = {
    "empty-image": ProblemType(400, "The image is empty"),
    "undecodable-image": ProblemType(400, "The image cannot be decoded"),
    "undecodable-clip": ProblemType(400, "The clip cannot be decoded"),
    "invalid-request": ProblemType(400, "The request cannot be read"),
    "unauthorized": ProblemType(401, "A valid API key is needed"),
    "forbidden": ProblemType(403, "This API key may not do that"),
    "not-found": ProblemType(404, "There is nothing here"),
    "model-not-loaded": ProblemType(404, "No model is loaded for this task"),
    "method-not-allowed": ProblemType(405, "This method is not allowed here"),
    "not-acceptable": ProblemType(406, "The answer cannot be had in this form"),
    "request-timeout": ProblemType(408, "The request came too slowly"),
    "image-too-large": ProblemType(413, "The image is too large"),
    "clip-too-large": ProblemType(413, "The clip is too large"),
    "clip-too-long": ProblemType(413, "The clip is too long"),
    "unsupported-media-type": ProblemType(415, "The media type is not supported"),
    "unsupported-codec": ProblemType(415, "The clip is coded in a way that is not read"),
    "invalid-parameters": ProblemType(422, "The parameters are not valid"),
    "clip-overran": ProblemType(422, "The work on the clip took too long"),
    "no-face": ProblemType(422, "No face was found"),
    "multiple-faces": ProblemType(422, "Several faces were found"),
    "face-too-small": ProblemType(422, "The face is too small"),
    "face-turned-away": ProblemType(422, "The face is turned away"),
    "face-covered": ProblemType(422, "Part of the face cannot be seen"),
    "out-of-distribution": ProblemType(422, "The face is unlike those that the model knows"),
    "different-faces": ProblemType(422, "Onset and apex do not show the same face"),
    "head-turned": ProblemType(422, "The head turned between onset and apex"),
    "movement-too-large": ProblemType(422, "The movement is too large for a micro-expression"),
    "no-motion": ProblemType(422, "Nothing moves between onset and apex"),
    "no-usable-picture": ProblemType(422, "None of the pictures can be used"),
    "different-people": ProblemType(422, "The pictures do not seem to show one person"),
    "model-mismatch": ProblemType(409, "The answers are of different models"),
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


def is_inference_path(path: str) -> bool:
    """Whether the Open Inference Protocol is spoken there."""
    return path == INFERENCE_PATH or path.startswith(f"{INFERENCE_PATH}/")


def status_of(code: str, path: str) -> int:
    """Of a refusal with this code on this path."""
    status = PROBLEMS[code].status
    return _INFERENCE_STATUS.get(status, status) if is_inference_path(path) else status


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused request's answer."""

    status: int
    media_type: str
    body: bytes


def refusal(code: str, detail: str, *, request_id: str, path: str) -> Refusal:
    """In the words of whoever asks: problem details, or the Open Inference Protocol's error object."""
    status = status_of(code, path)
    if not is_inference_path(path):
        return Refusal(status, MEDIA_TYPE, render_problem(code, detail, request_id=request_id, instance=path))
    error = {"error": detail, "code": code, "request_id": request_id}
    return Refusal(status, "application/json", json.dumps(error).encode())


async def send_problem(
    scope: Scope, send: Send, code: str, detail: str, *, headers: Iterable[tuple[bytes, bytes]] = (), reason: str = ""
) -> None:
    """Answer with a problem from a middleware. ``reason`` (default: the code) goes to the log line.

    The connection stays open: what is left of the body is read and thrown away, so that the client sees the answer
    instead of a reset connection.
    """
    state = scope.setdefault("state", {})
    state["refused"] = reason or code
    refused = refusal(code, detail, request_id=state.get("request_id", ""), path=scope["path"])
    await send(
        {
            "type": "http.response.start",
            "status": refused.status,
            "headers": [
                (b"content-type", refused.media_type.encode()),
                (b"content-length", str(len(refused.body)).encode()),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": refused.body})
