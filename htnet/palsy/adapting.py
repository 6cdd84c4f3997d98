"""`htnet palsy adapt`: a checkpoint fitted to a clinic, and the bundle of it where that helped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model_training.errors import UserError
from model_training.palsy.adaptation.commands import (
    CheckpointOrBundle,
    ClinicCache,
    Seed,
    SplitOption,
    adapt_checkpoint,
)

if TYPE_CHECKING:
    from export.bundle.metadata import Metadata
    from model_training.palsy.adaptation.adapt import Adapted


def adapt_command(
    checkpoint: CheckpointOrBundle,
    cache: ClinicCache,
    out: Annotated[Path, typer.Option(help="Folder for adaptation.json and, where it helped, adapted.pt and palsy/.")],
    split: SplitOption = "all",
    folds: Annotated[int, typer.Option(help="Folds by person, for the judgement and the calibration.")] = 5,
    seed: Seed = 0,
    bundle: Annotated[bool, typer.Option(help="Also write the bundle OUT/palsy, for `htnet serve`.")] = True,
) -> None:
    """Fit a model to a clinic's own graded photographs: calibrate, then fine-tune, and keep what is shown to help.

    Example: `htnet palsy adapt --checkpoint models/palsy --cache runs/clinic-cache --out runs/adapted`
    """
    made = adapt_checkpoint(checkpoint, cache, out, split=split, folds=folds, seed=seed)
    if made.checkpoint is None:
        return
    typer.echo(f"wrote {made.checkpoint}: {made.kept}")
    if bundle:
        typer.echo(f"wrote {write_bundle(checkpoint, cache, made, out)}: serve it with `htnet serve --models {out}`")


def write_bundle(origin: Path, cache: Path, made: Adapted, out: Path) -> Path:
    """OUT/palsy of the adapted checkpoint, with the visibility head and the limits of the bundle that it comes from."""
    from export.checkpoint_bundle import export_checkpoint

    if made.checkpoint is None:
        raise ValueError("the model stayed as it is: there is no checkpoint to make a bundle of")
    visibility = origin / "visibility.pt"
    return export_checkpoint(
        [made.checkpoint],
        out / "palsy",
        visibility=visibility if visibility.is_file() else None,
        metadata=_metadata(origin, cache, made),
    ).directory


def _metadata(origin: Path, cache: Path, made: Adapted) -> Metadata:
    """What the bundle says of itself: what it was adapted from, on what, and what that brought."""
    from export.bundle.metadata import Metadata

    said = _manifest(origin)
    base = f"{said['name']} {said['version']}" if said else origin.name
    verdicts = " ".join(f"{verdict.sentence()}." for verdict in made.verdicts)
    trained_on = said.get("training_data", f"That of {base}.")
    about: dict[str, Any] = {
        "name": f"{said.get('name', 'palsy')}-adapted",
        "version": f"{said.get('version', '0.1.0')}-adapted",
        "description": f"{base}, {made.kept} on the photographs of {cache.name}.",
        "training_data": f"{trained_on} Then {made.kept} on {made.images} photographs of {made.people} people "
        f"({cache.name}). Judged on people whom each answer had not seen: {verdicts}",
    }
    for field in ("intended_use", "licence", "thresholds"):
        if field in said:
            about[field] = said[field]
    return Metadata(**about)


def _manifest(origin: Path) -> dict[str, Any]:
    """Of a bundle; empty for a bare checkpoint. Raises UserError for one that is not JSON."""
    path = origin / "manifest.json"
    if not path.is_file():
        return {}
    try:
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: is not JSON ({error})") from error
    return said
