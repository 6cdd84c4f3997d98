"""`import-original`: weights of the original HTNet become a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def import_original_command(
    weights: Annotated[Path, typer.Argument(help="A .pth of the original code: `model.state_dict()`.")],
    out: Annotated[Path, typer.Option("--out", help="The checkpoint to write.")],
    heads: Annotated[
        int | None,
        typer.Option(help="Heads of the first level; needed only where a block sees several tokens.", min=1),
    ] = None,
    labels: Annotated[
        str, typer.Option(help="Names of the classes in the order of their numbers, with commas between them.")
    ] = "negative,positive,surprise",
) -> None:
    """Weights of the original HTNet, as its research code saves them, to a checkpoint: for `evaluate`, `export` and
    `--init`.

    Example: `htnet import-original sub01.pth --out runs/original-sub01.pt`
    """
    from model_training.microexpression.original_htnet import import_original
    from model_training.training.checkpoint import save_checkpoint

    names = tuple(name.strip() for name in labels.split(",") if name.strip())
    checkpoint = import_original(weights, heads=heads, labels=names)
    save_checkpoint(checkpoint, out)
    model = checkpoint.config["model"]
    size = ", ".join(f"{name} {model[name]}" for name in ("image_size", "dim", "heads", "block_repeats"))
    typer.echo(f"HTNet ({size}) for {', '.join(names)}: wrote {out}")
    typer.echo(
        "Its input is the four boxes of the original code, cut at fixed places; where it was trained around detected "
        "points, its figures differ. One file of leave-one-subject-out may be judged on its own subject alone: "
        f"htnet microexpression evaluate --checkpoint {out} --data FLOW --subject NAME"
    )
