"""A command or group that is loaded when it runs or its own help is asked for, not when it is listed."""

from __future__ import annotations

import importlib
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup


class LazyCommand(TyperCommand):
    """Stands for a Typer app until then. target: "module:app"; extra: of the distribution, with what the app needs."""

    def __init__(self, name: str, target: str, *, extra: str, help: str) -> None:
        super().__init__(name, help=help)
        self.target, self.extra = target, extra

    def load(self) -> TyperCommand | TyperGroup:
        module, _, app = self.target.partition(":")
        command = typer.main.get_command(getattr(importlib.import_module(module), app))
        return cast("TyperCommand | TyperGroup", command)

    # Any: the class of contexts is typer's own, not one of its names for others.
    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return self.load().make_context(info_name, args, parent=parent, **extra)
