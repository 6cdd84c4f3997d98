"""How the groups of `htnet` are made."""

from __future__ import annotations

from collections.abc import Callable

import typer

from model_training.command_messages import CommandGroup


class ServiceGroup(CommandGroup):
    """Commands that need what the service needs."""

    extra = "service"


def _nothing() -> None:
    return


def command_group(
    help: str, *, cls: type[CommandGroup] = CommandGroup, prepare: Callable[[], None] = _nothing
) -> typer.Typer:
    """A group, also where it has one command only; without a command it shows its help. prepare: called before each of
    its commands."""
    group = typer.Typer(cls=cls, no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")
    group.callback(help=help)(prepare)
    return group
