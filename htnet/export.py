"""`htnet export`: a checkpoint to a bundle that the service runs."""

from __future__ import annotations

import typer

from export.commands import export_command

export = typer.Typer(add_completion=False, rich_markup_mode="markdown")
export.command()(export_command)
