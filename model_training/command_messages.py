"""What a command line says when a command cannot go on, and the exit status: for `python -m model_training`, for
`python -m export` and for `htnet`."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from typer.core import TyperGroup

from model_training.errors import Interrupted, UserError

FAILED = 1
INTERRUPTED = 130  # the exit status of a command that Ctrl-C has ended

OURS = ("face", "service", "model_training", "export", "htnet")
# What packages are called where that is not the name they are imported by.
PACKAGE_NAMES = {
    "cv2": "OpenCV",
    "fastapi": "FastAPI",
    "mediapipe": "MediaPipe",
    "onnx": "ONNX",
    "onnxruntime": "ONNX Runtime",
    "pydantic_settings": "pydantic-settings",
    "sklearn": "scikit-learn",
    "sqlalchemy": "SQLAlchemy",
    "torch": "PyTorch",
}

# Training needs these only where it asks the service's code.
BROUGHT_BY_SERVICE = ("onnxruntime", "pydantic_settings")


@contextmanager
def errors_as_messages() -> Iterator[None]:
    """An error that the user can mend is one message on stderr and exit status 1; Ctrl-C is one sentence and 130. Other
    ends of a command (the service's own exit status, wrong usage) pass through."""
    console = Console(stderr=True, soft_wrap=True)
    try:
        yield
    except UserError as error:
        console.print("[bold red]Error:[/] ", end="")
        console.print(str(error), markup=False, highlight=False)
        sys.exit(FAILED)
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
        sys.exit(FAILED)


class MissingPackage(UserError):
    """A command needs a package that is not installed."""


class CommandGroup(TyperGroup):
    """Commands that need an extra of the distribution; where a package is not there, the message names the extra."""

    extra = "train"

    def extra_of(self, _command: str) -> str:
        """The extra that brings what a command of this group needs."""
        return self.extra

    def invoke(self, ctx: Any) -> Any:  # Any: the class of contexts is typer's own, not one of its names for others
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if not package or package in OURS:  # a fault of ours, which a traceback tells best
                raise
            command = ctx.invoked_subcommand or ""
            extra = self.extra_of(command)
            if extra == "train" and package in BROUGHT_BY_SERVICE:
                extra = "service"
            raise MissingPackage(
                f"{ctx.command_path} {command} needs {PACKAGE_NAMES.get(package, package)}, which is not installed: "
                f"pip install 'htnet-clinical[{extra}]'"
            ) from error
