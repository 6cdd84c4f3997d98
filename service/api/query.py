"""A query name that a route does not know is a mistake, and what it was to change would silently not happen."""

from __future__ import annotations

import difflib

from fastapi import Request, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute

from service.api.errors import RequestError


async def refuse_unknown_query(request: Request) -> None:
    """A dependency of every route under /v1. Raises RequestError: invalid-parameters, with the nearest name."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)  # noqa: S101 - only such routes have dependencies
    fields = get_flat_params(route.dependant)
    known = sorted(field.alias for field in fields if isinstance(field.field_info, params.Query))
    for name in request.query_params:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        if near:
            meant = f"did you mean {near[0]!r}?"
        else:
            meant = f"there are {', '.join(map(repr, known))}." if known else "there are none here."
        raise RequestError("invalid-parameters", f"There is no query parameter {name[:40]!r}; {meant}")
