"""`adapt`, `site-update`, `average-updates`, `study-sites`: a model fitted to a clinic, alone or with others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model_training.command_options import progress_bar
from model_training.errors import UserError

if TYPE_CHECKING:
    from model_training.palsy.adaptation.adapt import Adapted

CheckpointOrBundle = Annotated[
    Path, typer.Option("--checkpoint", help="best.pt of a run, or the folder of a bundle such as models/palsy.")
]
ClinicCache = Annotated[Path, typer.Option("--cache", help="Cache of the clinic's graded photographs.")]
SplitOption = Annotated[str, typer.Option("--split", help="train, validation, test or all.")]
Seed = Annotated[int, typer.Option(help="Of the folds and of the fits.")]


def adapt_checkpoint(checkpoint: Path, cache: Path, out: Path, *, split: str, folds: int, seed: int) -> Adapted:
    """`adapt` with a progress bar; tells what it found."""
    from model_training.palsy.adaptation.adapt import adapt

    with progress_bar("adapt") as bar:
        made = adapt(checkpoint, cache, out, split=split, folds=folds, seed=seed, progress=bar.at)
    for line in made.lines():
        typer.echo(line)
    return made


def site_update_command(
    checkpoint: CheckpointOrBundle,
    cache: ClinicCache,
    out: Annotated[Path, typer.Option(help="The file to give away.")],
    split: SplitOption = "all",
    seed: Seed = 0,
) -> None:
    """One site's part of a federated round: the change of the heads' weights on its photographs, and nothing else.

    Example: `htnet palsy site-update --checkpoint models/palsy --cache runs/clinic-cache --out runs/site-a.pt`
    """
    from model_training.palsy.adaptation.federated import site_update

    with progress_bar("images") as bar:
        change = site_update(checkpoint, cache, out, split=split, seed=seed, progress=bar.at)
    typer.echo(f"wrote {out}: the change of {len(change.heads)} weights, from {change.images} images")


def average_updates_command(
    updates: Annotated[list[Path], typer.Argument(help="Every site's file of `htnet palsy site-update`.")],
    checkpoint: CheckpointOrBundle,
    out: Annotated[Path, typer.Option(help="The checkpoint to write; the next round begins from it.")],
) -> None:
    """The other part of a federated round: all sites' changes, averaged by their images, become the next checkpoint.

    Example: `htnet palsy average-updates runs/site-a.pt runs/site-b.pt --checkpoint models/palsy --out runs/round-1.pt`
    """
    from model_training.palsy.adaptation.federated import average_updates

    changes = average_updates(checkpoint, updates, out)
    images = sum(change.images for change in changes)
    typer.echo(f"wrote {out}: {len(changes)} sites, {images} images; calibrate it with `htnet palsy calibrate`")


def study_sites_command(
    checkpoint: CheckpointOrBundle,
    site: Annotated[list[str], typer.Option(help="NAME=CACHE of a site that learns. Repeatable, at least two.")],
    test: Annotated[list[str], typer.Option(help="NAME=CACHE of other people to judge on. Repeatable.")],
    out: Annotated[Path, typer.Option(help="Folder for sites.json.")],
    rounds: Annotated[int, typer.Option(help="Rounds that the epochs are shared out over.")] = 5,
    seed: Seed = 0,
) -> None:
    """Whether learning together helps: each site alone, federated and pooled, judged on the same new people.

    Example: `htnet palsy study-sites --checkpoint models/palsy --site a=runs/a --site b=runs/b --test c=runs/c --out
    runs/sites`
    """
    from model_training.palsy.adaptation.sites_study import study_sites

    sites, tests = _named(site, "--site"), _named(test, "--test")
    with progress_bar("steps") as bar:
        report = study_sites(checkpoint, sites, tests, out, rounds=rounds, seed=seed, progress=bar.at)
    for way, figures in report["figures"].items():
        typer.echo(f"{way}: score {figures['score']:.4f}, kappa {figures['kappa']:.3f}, exact {figures['exact']:.3f}")
    for sentence in report["sentences"]:
        typer.echo(sentence)
    typer.echo(f"wrote {out / 'sites.json'}")


def _named(given: list[str], option: str) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for item in given:
        name, _, folder = item.partition("=")
        if not name or not folder or name in named:
            raise UserError(f"{option} must be NAME=CACHE with a name of its own, got {item!r}")
        named[name] = Path(folder)
    return named
