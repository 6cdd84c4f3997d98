"""The one command line of the training package.

Each room (datasets, simulator, micro-expressions, ...) brings a `commands.py` with `register(app)`; heavy imports
(torch, MediaPipe) happen inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import os
import sys

import typer
from rich.console import Console

from model_training.errors import Interrupted, TrainingError

ROOMS = (
    "model_training.datasets",
    "model_training.simulator",
    "model_training",
    "model_training.palsy.evaluation",
    "model_training.palsy.inference",
    "model_training.microexpression",
)

INTERRUPTED = 130  # the exit status of a command that Ctrl-C has ended

app = typer.Typer(
    name="model_training",
    help="Any licensed data set in, a served model out: prepare, cache, train, evaluate, then `python -m export`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def build_app() -> typer.Typer:
    for room in ROOMS:
        if importlib.util.find_spec(room) is not None and importlib.util.find_spec(f"{room}.commands") is not None:
            importlib.import_module(f"{room}.commands").register(app)
    return app


def main() -> None:
    """Run a command; an error that the user can mend is one message on stderr and exit status 1."""
    # torch's threads would spin while they wait for each other: where anything else wants one of the cores, training
    # slows down to a fifth. Read when torch is loaded, which is later.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    console = Console(stderr=True, soft_wrap=True)
    try:
        build_app()()
    except TrainingError as error:
        console.print("[bold red]Error:[/] ", end="")
        console.print(str(error), markup=False, highlight=False)
        sys.exit(1)
    except Interrupted as stop:
        console.print(str(stop), markup=False, highlight=False)
        sys.exit(INTERRUPTED)
    except SystemExit as stop:  # Ctrl-C where no loop was there to say what it has kept
        if stop.code == INTERRUPTED:
            console.print("Stopped. What was finished is kept, and no file is half-written.", highlight=False)
        raise
    except OSError as error:
        where = error.filename or "while writing"
        if error.errno == errno.ENOSPC:
            message = f"the disk is full ({where}). Finished parts are kept: free space and run the same command again."
        elif error.filename is not None:
            message = f"{where}: {error.strerror}"
        else:
            raise
        console.print(f"Error: {message}", markup=False, highlight=False)
        sys.exit(1)
