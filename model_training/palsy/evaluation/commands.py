"""`calibrate`, `palsy-evidence`, `palsy-ablation`: what is known about a palsy model, and what its answers then say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model_training.command_options import CheckpointFile, Device


def register(app: typer.Typer) -> None:
    app.command("calibrate")(calibrate_command)
    app.command("palsy-evidence")(palsy_evidence_command)
    app.command("palsy-ablation")(palsy_ablation_command)


def calibrate_command(
    checkpoint: CheckpointFile,
    cache: Annotated[Path, typer.Option(help="Cache of graded people that training never saw.")],
    out: Annotated[Path, typer.Option(help="The checkpoint to write; the network in it is the same.")],
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "validation",
    device: Device = "cpu",
) -> None:
    """Fit the probabilities, prediction sets and warning of a palsy checkpoint anew, say for your camera and people.

    Example: `python -m model_training calibrate --checkpoint runs/palsy-reference/best.pt --cache runs/clinic-cache
    --split all --out runs/palsy-clinic.pt`
    """
    from model_training.palsy.evaluation.recalibrate import recalibrate

    for line in recalibrate(checkpoint, cache, out, split=split, device=device).lines():
        typer.echo(line)
    typer.echo(f"wrote {out}")


def palsy_evidence_command(
    checkpoint: CheckpointFile,
    test: Annotated[Path, typer.Option(help="Cache of simulated people that training never saw.")],
    out: Annotated[Path, typer.Option(help="Folder for metrics.json, figures.md, plots and MODEL_CARD.md.")],
    photographs: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=CACHE of warped photographs (simulate --photo). Repeatable; the first is the headline."
        ),
    ] = None,
    card: Annotated[Path | None, typer.Option(help="Draft of the model card, with a line <!-- figures -->.")] = None,
) -> None:
    """Every figure of a palsy model, as its model card and documentation show them.

    Example: `python -m model_training palsy-evidence --checkpoint runs/palsy-reference/best.pt --test runs/palsy-test
    --photographs photographs_test=runs/photographs --out runs/palsy-evidence`
    """
    from model_training.errors import TrainingError
    from model_training.palsy.evaluation.evidence import write_evidence

    named = dict(item.partition("=")[::2] for item in photographs or [])
    if not all(named.values()):
        raise TrainingError(f"--photographs must be NAME=CACHE, got {photographs}")
    folders = {name: Path(folder) for name, folder in named.items()}
    typer.echo(f"wrote {write_evidence(checkpoint, test=test, photographs=folders, out=out, card=card)}")


def palsy_ablation_command(
    config: Annotated[Path, typer.Option("--config", help="TOML of the whole model; its parts are left out in turn.")],
    test: Annotated[Path, typer.Option(help="Cache of simulated people that training never saw.")],
    photographs: Annotated[Path, typer.Option(help="Cache of warped photographs.")],
    out: Annotated[Path, typer.Option(help="Folder for the runs, ablation.csv and ablation.md.")],
    seeds: Annotated[int, typer.Option(help="Runs of each variant.")] = 3,
    processes: Annotated[int, typer.Option(help="Processes that share the runs.", min=1)] = 1,
) -> None:
    """What each part of the palsy model contributes; finished runs are kept.

    Example: `python -m model_training palsy-ablation --config configs/palsy_ablation.toml --test runs/palsy-test
    --photographs runs/photographs --out runs/palsy-ablation`
    """
    from model_training.palsy.evaluation.ablation import run_ablation

    table = run_ablation(
        config, seeds=seeds, test=test, photographs=photographs, out=out, processes=processes, say=typer.echo
    )
    typer.echo(f"wrote {table}")
