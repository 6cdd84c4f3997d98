"""A query name that a route does not know is a mistake, and what it was to change would silently not happen."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from service.api.errors import RequestError


async def refuse_unknown_query(request: Request) -> None:
    """A dependency of every route under /v1. Raises RequestError: invalid-parameters, with the nearest name."""
    known = query_names(request)
    for name in request.query_params:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        if near:
            meant = f"did you mean {near[0]!r}?"
        else:
            meant = f"there are {', '.join(map(repr, known))}." if known else "there are none here."
        raise RequestError("invalid-parameters", f"There is no query parameter {name[:40]!r}; {meant}")


def query_names(request: Request) -> list[str]:
    """What the request's route knows in the query, sorted; nothing outside a route."""
    route = request.scope.get("route")
    return sorted(set(_query_names(route.dependant))) if isinstance(route, APIRoute) else []


def _query_names(dependant: Dependant) -> Iterator[str]:
    """Also those of the dependencies, and the fields of a model that stands for several."""
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (inner.alias or name for name, inner in kind.model_fields.items())
        else:
            yield field.alias
    for inner in dependant.dependencies:
        yield from _query_names(inner)
