"""docs/reference/http.md and problems.md: the endpoints and their refusals, from the OpenAPI description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from docs.reference_pages.json_schema import schema_type
from docs.reference_pages.markdown import code, table


def http_page() -> Iterator[str]:
    from service.app import create_app
    from service.config import Settings

    api = create_app(Settings(audit_url=SecretStr(""))).openapi()
    yield from [
        "# Endpoints",
        "",
        api["info"]["description"],
        "",
        "Every field of every answer is described at `/docs` of a running service and in its `/openapi.json`.",
        "Errors are [problem details](problems.md).",
        "",
    ]
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            yield from [f"## {method.upper()} {path}", "", operation["summary"] + ".", ""]
            parts = list(form_parts(operation))
            if parts:
                yield from table(("part of the form", "what"), parts)
            parameters = operation.get("parameters", [])
            if parameters:
                yield from table(
                    ("parameter", "in", "type", "default", "what"),
                    (
                        (
                            code(p["name"]),
                            p["in"],
                            schema_type(p["schema"]),
                            code(str(p["schema"]["default"]).lower()) if "default" in p["schema"] else "-",
                            p.get("description", ""),
                        )
                        for p in parameters
                    ),
                )
            codes = list(problem_codes(operation))
            if codes:
                yield from [f"[Refusals](problems.md): {', '.join(map(code, codes))}.", ""]


def form_parts(operation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data", {}).get("schema", {})
    for name, part in form.get("properties", {}).items():
        yield code(name), part.get("description", "")


def problem_codes(operation: Mapping[str, Any]) -> Iterator[str]:
    for answer in operation["responses"].values():
        for media in answer.get("content", {}).values():
            yield from media.get("examples", {})


def problems_page() -> Iterator[str]:
    from service.problems import MEDIA_TYPE, PROBLEMS

    yield from [
        "# Problem codes",
        "",
        f"Errors are problem details (RFC 9457, `{MEDIA_TYPE}`) with `type`, `title`, `status`, `detail`, `instance`,",
        "`request_id` and `code`. Programs decide by `code`; `detail` says to people what was found, with the value,",
        "and what to do. Statuses 429 and 503 come with `Retry-After`.",
        "",
    ]
    yield from table(
        ("code", "status", "title"), ((code(name), kind.status, kind.title) for name, kind in PROBLEMS.items())
    )
