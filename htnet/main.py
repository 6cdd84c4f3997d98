"""Where `htnet` starts: run a command, and show what the user can mend as one message."""

from __future__ import annotations

import sys


def main() -> None:
    """Exit status 1 for an error that the user can mend, 2 for wrong usage, 3 for a service that cannot start, 130 for
    Ctrl-C."""
    try:
        from htnet.commands import app
        from model_training.command_messages import errors_as_messages
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit(f"htnet needs {error.name}, which is not installed: pip install 'htnet-clinical[service]'")
    with errors_as_messages():
        app(prog_name="htnet")
