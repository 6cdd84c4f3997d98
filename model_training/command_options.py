"""Options that several commands take, what becomes of those that would have no effect, and the progress bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model_training.errors import UserError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SECONDS_BETWEEN_LINES = 120.0
# What takes minutes an item has no speed in the seconds that rich looks back on by itself.
SPEED_FROM_SECONDS = 3600.0

CheckpointFile = Annotated[Path, typer.Option("--checkpoint", help="best.pt of a run.")]
Device = Annotated[
    str,
    typer.Option(
        help="cpu, cuda or cuda:N. A GPU that is not there is an error.", callback=lambda device: _device(device)
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change one key of the configuration, e.g. --set run.seed=3. Repeatable."),
]


def _device(device: str) -> str:
    """Before torch is loaded: mistakes answer at once."""
    from model_training.runtime.gpu_presence import refuse_missing_gpu

    refuse_missing_gpu(device)
    return device


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
    """One line of a progress bar; where stderr is no terminal, a line of text every few minutes, as the logs of batch
    systems are read."""

    def __init__(self, progress: Progress, task: TaskID, what: str) -> None:
        self._progress, self._task, self._what = progress, task, what
        self._done: float = 0
        self._began: tuple[float, float] | None = None
        self._told = time.monotonic()

    def advance(self, more: int = 1) -> None:
        self._progress.advance(self._task, more)
        self._tell(self._done + more, self._progress.tasks[0].total)

    def at(self, done: float, total: float) -> None:
        self._progress.update(self._task, completed=done, total=total)
        self._tell(done, total)

    def _tell(self, done: float, total: float | None) -> None:
        """The first call may count what an earlier run has done: the speed is measured from there."""
        self._done, now = done, time.monotonic()
        self._began = self._began or (now, done)
        if not self._progress.disable or total is None or now - self._told < SECONDS_BETWEEN_LINES:
            return
        self._told = now
        since, first = self._began
        left = time_left(now - since, done - first, total - done)
        typer.echo(f"{self._what}: {done:.0f} of {total:.0f}, {left}", err=True)

    def say(self, line: str, *, err: bool = False) -> None:
        """A line on stdout, or on stderr, that does not run into the bar on a terminal."""
        if self._progress.disable or not (err or sys.stdout.isatty()):
            typer.echo(line, err=err)
        else:
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


def time_left(seconds: float, done: float, left: float) -> str:
    """In words, from how long `done` took."""
    if done <= 0:
        return "time left unknown"
    minutes = round(seconds * left / done / 60)
    if minutes < 1:
        return "less than a minute left"
    return f"about {minutes // 60} h {minutes % 60} min left" if minutes >= 60 else f"about {minutes} min left"


@contextmanager
def progress_bar(what: str, *, total: int | None = None) -> Iterator[Bar]:
    """How many of how many are done and the time left, on stderr; vanishes at the end. Where stderr is no terminal, see
    Bar."""
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
        speed_estimate_period=SPEED_FROM_SECONDS,
    ) as progress:
        yield Bar(progress, progress.add_task(what, total=total), what)
