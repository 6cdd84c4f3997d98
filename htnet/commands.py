"""The groups of `htnet`: what each is for, where its commands are, and which extra brings what they need."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from face.version import VERSION
from htnet.lazy import LazyCommand
from model_training.command_messages import CommandGroup

COMMANDS = (
    LazyCommand("serve", "htnet.service:serve", extra="service", help="Start the service."),
    LazyCommand("audit", "htnet.service:audit", extra="service", help="Look after the audit database."),
    LazyCommand("key", "htnet.service:key", extra="service", help="API keys of the service."),
    LazyCommand("data", "htnet.data:data", extra="train", help="Data sets to sample tables, and tables to caches."),
    LazyCommand("simulate", "htnet.simulate:simulate", extra="train", help="Simulated people, photographs and clips."),
    LazyCommand("palsy", "htnet.palsy.group:palsy", extra="train", help="Facial palsy: train, judge and use a model."),
    LazyCommand(
        "microexpression",
        "htnet.microexpression:microexpression",
        extra="train",
        help="Micro-expressions: train and judge a model.",
    ),
    LazyCommand(
        "import-original",
        "htnet.import_original:import_original",
        extra="train",
        help="Weights of the original HTNet to a checkpoint.",
    ),
    LazyCommand(
        "export", "htnet.export:export", extra="export", help="A checkpoint to a bundle that the service runs."
    ),
)


class Htnet(CommandGroup):
    """The groups, loaded when they are asked for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": {command.name: command for command in COMMANDS}})

    def extra_of(self, command: str) -> str:
        return next((known.extra for known in COMMANDS if known.name == command), self.extra)

    # Any: the class of contexts is typer's own, not one of its names for others.
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """A command of a group that is asked for without it: the groups that have one are named."""
        if args and args[0] not in self.commands:
            groups = [command.name for command in COMMANDS if args[0] in _commands_in(command)]
            if groups:
                ctx.fail(f"No such command {args[0]!r}. There is: {', '.join(f'htnet {g} {args[0]}' for g in groups)}")
        return super().resolve_command(ctx, args)


def _commands_in(command: LazyCommand) -> frozenset[str]:
    """None where a package that the group needs is not installed."""
    try:
        loaded = command.load()
    except ModuleNotFoundError:
        return frozenset()
    return frozenset(loaded.commands) if isinstance(loaded, TyperGroup) else frozenset()


app = typer.Typer(
    name="htnet",
    cls=Htnet,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"htnet-clinical {VERSION}")
        raise typer.Exit


@app.callback()
def htnet(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Facial-palsy grading and micro-expression recognition: the service, and how its models are made.

    Example: `htnet serve`

    Each group and command tells more: `htnet palsy --help`, `htnet palsy train --help`
    """
