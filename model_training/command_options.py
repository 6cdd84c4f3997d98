"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CheckpointFile = Annotated[Path, typer.Option("--checkpoint", help="best.pt of a run.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:N. A GPU that is not there is an error.")]
