"""Which route a request is for, before the router has run: middlewares limit, refuse and count by route."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import compile_path


class RouteTemplates:
    """Templates such as ``/v1/models/{task}``, matched as Starlette's router matches them."""

    def __init__(self, templates: Iterable[str]) -> None:
        patterns = {template: compile_path(template)[0] for template in templates}
        self._fixed = frozenset(template for template in patterns if "{" not in template)
        self._patterns = [(template, pattern) for template, pattern in patterns.items() if "{" in template]

    def template_of(self, path: str) -> str | None:
        """The template that a path belongs to. One without parameters goes before one with them."""
        if path in self._fixed:
            return path
        return next((template for template, pattern in self._patterns if pattern.match(path)), None)
