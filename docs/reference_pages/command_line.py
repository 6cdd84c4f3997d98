"""docs/reference/cli.md: every command of `htnet` with its options."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from docs.reference_pages.markdown import code, plain, table


def command_line() -> Any:
    from htnet.commands import app

    return typer.main.get_command(app)


def cli_page(root: Any, *, name: str = "htnet") -> Iterator[str]:
    """root: what typer.main.get_command makes of an app."""
    yield from [
        "# Command line",
        "",
        "`--help` after any command says the same in a terminal. A command that lacks a package names the",
        "extra that brings it.",
        "",
    ]
    yield from command_section(root, typer.Context(root, info_name=name), depth=1)


def command_section(command: Any, context: typer.Context, *, depth: int) -> Iterator[str]:
    """The command's own section, but for the root, then those of its subcommands."""
    if depth > 1:
        yield from ["#" * min(depth, 4) + f" {context.command_path}", ""]
    yield from [*help_text(command.help).splitlines(), ""]
    records = [record for p in command.params if (record := p.get_help_record(context)) is not None]
    if records:
        yield from table(("option", "what"), ((code(option), plain(what)) for option, what in records))
    for child, inner in subcommands(command, context):
        yield from command_section(inner, typer.Context(inner, info_name=child, parent=context), depth=depth + 1)


def subcommands(command: Any, context: typer.Context) -> Iterator[tuple[str, Any]]:
    """What a group shows, loaded where htnet loads it only when it is asked for; nothing for a command."""
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        found = command.get_command(context, name)
        if found is not None and not found.hidden:
            yield name, found.load() if hasattr(found, "load") else found


def help_text(text: str | None) -> str:
    return inspect.cleandoc((text or "").partition("\f")[0])
