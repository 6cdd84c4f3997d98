"""Exceptions -> RFC 9457 problem details, by the one table in service.problems; the OpenAPI description comes from it
too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from face.errors import PreprocessingError
from service.admission.byte_budget import NoRoomNow
from service.audit.store import AuditUnavailable
from service.clips.errors import ClipsBusy
from service.inference.errors import BatchQueueFull
from service.problems import MEDIA_TYPE, PROBLEMS, refusal

_CODE_OF_STATUS = {404: "not-found", 405: "method-not-allowed", 413: "image-too-large", 415: "unsupported-media-type"}
PROBLEM_SCHEMA = "Problem"


class RequestError(Exception):
    """A request that cannot be served as it was sent; `code` is one of the table's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def problem_response(request: Request, code: str, detail: str, *, headers: Mapping[str, str] | None = None) -> Response:
    request_id: str = getattr(request.state, "request_id", "")
    request.state.refused = code
    refused = refusal(code, detail, request_id=request_id, path=request.url.path)
    return Response(
        content=refused.body,
        status_code=refused.status,
        media_type=refused.media_type,
        headers={**({"x-request-id": request_id} if request_id else {}), **(headers or {})},
    )


def install_error_handlers(app: FastAPI) -> None:
    """Every way in which a request can end badly ends in a problem."""

    async def known(request: Request, error: Exception) -> Response:
        return problem_response(request, *problem_of(error))

    async def unaudited(request: Request, error: Exception) -> Response:
        return problem_response(request, *problem_of(error), headers={"retry-after": "5"})

    async def busy(request: Request, error: Exception) -> Response:
        return problem_response(request, *problem_of(error), headers={"retry-after": "1"})

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - narrows the type
        # The value is left out: it may be part of a photograph.
        parts = [f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors()]
        return problem_response(request, "invalid-parameters", "; ".join(parts) + ".")

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - narrows the type
        code = _CODE_OF_STATUS.get(error.status_code)
        if code is None:
            code = "invalid-request" if error.status_code < 500 else "internal-error"
        detail = {
            # Multipart bodies are read by our own code, with sentences of its own.
            "invalid-request": "The body is not JSON in UTF-8.",
            "not-found": "There is no such page. The endpoints are listed in /openapi.json.",
            "method-not-allowed": f"{request.method} is not possible here.",
        }.get(code, PROBLEMS[code].title + ".")
        return problem_response(request, code, detail, headers=error.headers)

    async def unexpected(request: Request, error: Exception) -> Response:
        return problem_response(request, *problem_of(error))

    app.add_exception_handler(PreprocessingError, known)
    app.add_exception_handler(RequestError, known)
    app.add_exception_handler(AuditUnavailable, unaudited)
    app.add_exception_handler(BatchQueueFull, busy)
    app.add_exception_handler(NoRoomNow, busy)
    app.add_exception_handler(ClipsBusy, busy)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)


def problem_of(error: Exception) -> tuple[str, str]:
    """(code, detail) of what an analysis ends with."""
    match error:
        case PreprocessingError() | RequestError():
            return error.code, error.message
        case AuditUnavailable():
            return (
                "audit-unavailable",
                "The record of this analysis could not be stored, so its answer is withheld. Tell the operator.",
            )
        case BatchQueueFull():
            return "overloaded", "Too many analyses wait for the model."
        case NoRoomNow():
            return "overloaded", "Too many analyses wait for memory."
        case ClipsBusy():
            return "overloaded", "Too many clips are being worked on."
    return "internal-error", "The request failed inside the service. Quote the request id to its operator."


def problem_responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route in the OpenAPI description: one entry per status with an example per code."""
    responses: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        problem = PROBLEMS[code]
        entry = responses.setdefault(
            problem.status,
            {
                "description": "",
                "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{PROBLEM_SCHEMA}"}, "examples": {}}},
            },
        )
        entry["description"] = "; ".join(filter(None, [entry["description"], f"`{code}`: {problem.title}"]))
        entry["content"][MEDIA_TYPE]["examples"][code] = {
            "value": {
                "type": f"urn:htnet:problem:{code}",
                "title": problem.title,
                "status": problem.status,
                "detail": problem.title + ".",
                "instance": "/v1/palsy/grade",
                "request_id": "0f8fad5bd9cb469fa16570867728950e",
                "code": code,
            }
        }
        if problem.status in (429, 503):
            entry["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return responses


# What every analysing route can answer with, whatever its task.
UPLOAD_PROBLEMS = (
    "empty-image", "undecodable-image", "invalid-request", "unauthorized", "model-not-loaded", "request-timeout",
    "image-too-large", "unsupported-media-type", "invalid-parameters", "no-face", "multiple-faces", "face-too-small",
    "face-turned-away", "out-of-distribution", "rate-limited", "internal-error", "overloaded", "audit-unavailable",
)  # fmt: skip
# The same for routes that take a clip.
CLIP_PROBLEMS = (
    *(code for code in UPLOAD_PROBLEMS if code not in ("empty-image", "image-too-large")),
    "undecodable-clip", "clip-too-large", "clip-too-long", "unsupported-codec", "clip-overran",
)  # fmt: skip
PROBLEM_JSON_SCHEMA: dict[str, Any] = {
    "title": PROBLEM_SCHEMA,
    "description": "RFC 9457 problem details.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "request_id", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What was wrong, with the value, and what to do."},
        "instance": {"type": "string", "description": "The path that was asked for."},
        "request_id": {"type": "string"},
        "code": {"type": "string", "enum": sorted(PROBLEMS)},
    },
}
