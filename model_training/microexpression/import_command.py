"""`import-original`: weights of the original HTNet become a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model_training.errors import TrainingError


def import_original_command(
    weights: Annotated[
        Path, typer.Argument(help="A .pth of the original code: `model.state_dict()`; or a folder of them.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The checkpoint to write; of a folder, the folder for them.")],
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

    Example: `htnet import-original sub01.pth --out runs/original-sub01.pt`, or all of leave-one-subject-out: `htnet
    import-original ourmodel_threedatasets_weights --out runs/original`
    """
    from model_training.microexpression.original_htnet import import_original
    from model_training.training.checkpoint import save_checkpoint

    names = tuple(name.strip() for name in labels.split(",") if name.strip())
    targets = {path: out / f"{path.stem}.pt" for path in _weights_in(weights)} if weights.is_dir() else {weights: out}
    checkpoints = {target: import_original(path, heads=heads, labels=names) for path, target in targets.items()}
    for target, checkpoint in checkpoints.items():
        save_checkpoint(checkpoint, target)
    model = next(iter(checkpoints.values())).config["model"]
    size = ", ".join(f"{name} {model[name]}" for name in ("image_size", "dim", "heads", "block_repeats"))
    many = f" and {len(checkpoints) - 1} more" if len(checkpoints) > 1 else ""
    typer.echo(f"HTNet ({size}){many} for {', '.join(names)}: wrote {out}")
    typer.echo(
        "Its input is the four boxes of the original code, cut at fixed places; where it was trained around detected "
        "points, its figures differ."
    )
    if weights.is_dir():
        typer.echo(
            "Each subject by the weights of its name, which that code chose on this very subject (protocol (a) of "
            f"`loso`): htnet microexpression evaluate --checkpoint {out} --data FLOW"
        )
    else:
        typer.echo(
            "One file of leave-one-subject-out may be judged on its own subject alone: "
            f"htnet microexpression evaluate --checkpoint {out} --data FLOW --subject {weights.stem}"
        )


def _weights_in(folder: Path) -> list[Path]:
    """Raises TrainingError where there are none."""
    found = sorted(path for path in folder.iterdir() if path.suffix in (".pth", ".pt") and path.is_file())
    if not found:
        raise TrainingError(f"{folder}: holds no .pth of the original code")
    return found
