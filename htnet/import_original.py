"""`htnet import-original`: weights of the original HTNet to a checkpoint."""

from __future__ import annotations

import typer

from model_training.microexpression.import_command import import_original_command

import_original = typer.Typer(add_completion=False, rich_markup_mode="markdown")
import_original.command()(import_original_command)
