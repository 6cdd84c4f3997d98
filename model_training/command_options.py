"""Options that several commands take, what becomes of those that would have no effect, and the progress bar."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model_training.errors import UserError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

CheckpointFile = Annotated[Path, typer.Option("--checkpoint", help="best.pt of a run.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:N. A GPU that is not there is an error.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change one key of the configuration, e.g. --set run.seed=3. Repeatable."),
]


def refuse_given(context: typer.Context, *names: str, why: str) -> None:
    """Raises UserError where the user gave one of these parameters: it would have no effect, and `why` says so.

    names: as the command's function calls them.
    """
    given = [
        max(parameter.opts, key=len)
        for parameter in context.command.params
        if parameter.name in names and _was_given(context, str(parameter.name))
    ]
    if given:
        raise UserError(f"{' and '.join(given)} would have no effect: {why}")


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


class Bar:
    """One line of a progress bar."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def advance(self, more: int = 1) -> None:
        self._progress.advance(self._task, more)

    def at(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total)

    def say(self, line: str, *, err: bool = False) -> None:
        """A line on stdout, or on stderr, that does not run into the bar on a terminal."""
        if self._progress.disable or not (err or sys.stdout.isatty()):
            typer.echo(line, err=err)
        else:
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress_bar(what: str, *, total: int | None = None) -> Iterator[Bar]:
    """How many of how many are done and the time left, on stderr; vanishes at the end, and is not drawn where stderr is
    no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=False,  # lines for a file or a pipe stay there
    ) as progress:
        yield Bar(progress, progress.add_task(what, total=total))
