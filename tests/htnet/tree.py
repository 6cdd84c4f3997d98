"""The commands of `htnet` as a test walks them."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from typer.core import TyperCommand, TyperGroup

from htnet.commands import app
from htnet.lazy import LazyCommand


def every_group_and_command() -> dict[str, TyperCommand | TyperGroup]:
    """ "palsy train" -> the command, "palsy" -> the group."""
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    return dict(_below(root, ()))


def every_command() -> dict[str, TyperCommand]:
    return {name: found for name, found in every_group_and_command().items() if isinstance(found, TyperCommand)}


def _below(group: TyperGroup, path: tuple[str, ...]) -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    for name, listed in group.commands.items():
        found = listed.load() if isinstance(listed, LazyCommand) else listed
        assert isinstance(found, TyperCommand | TyperGroup)
        yield " ".join((*path, name)), found
        if isinstance(found, TyperGroup):
            yield from _below(found, (*path, name))
