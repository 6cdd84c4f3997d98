"""`python -m export --checkpoint FILE --out DIR`: a trained checkpoint -> a bundle that the service can serve."""

from __future__ import annotations

import typer

from export.commands import export_command
from model_training.command_messages import errors_as_messages


def main() -> None:
    """Exit status 1 and one message for what the user can mend."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")
    app.command()(export_command)
    with errors_as_messages():
        app()


if __name__ == "__main__":
    main()
