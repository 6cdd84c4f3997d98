"""`evaluate`, `calibrate`, `evidence`, `ablation`, `throughput`: what is known about a palsy model, and
what its answers then say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model_training.command_options import CheckpointFile, Device, progress_bar, refuse_given


def evaluate_command(
    checkpoint: CheckpointFile,
    cache: Annotated[Path, typer.Option(help="Cache of the samples to judge.")],
    out: Annotated[Path, typer.Option(help="Folder for metrics.json, metrics.csv, predictions.csv and report.html.")],
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "test",
    by: Annotated[
        list[str] | None, typer.Option(help="Further table columns to judge by, e.g. --by skin_tone. Repeatable.")
    ] = None,
    device: Device = "cpu",
    pictures: Annotated[
        bool,
        typer.Option("--pictures", help="Show the worst errors' faces in the report: yours to guard."),
    ] = False,
) -> None:
    """Figures with intervals by person, per data set, pose and subgroup: JSON, CSV and one HTML file with the plots.

    Example: `htnet palsy evaluate --checkpoint runs/demo/best.pt --cache runs/fnp-cache --out runs/demo/report`
    """
    from model_training.palsy.evaluation.evaluate import evaluate

    with progress_bar("images") as bar:
        made = evaluate(
            checkpoint,
            cache,
            out,
            split=split,
            by=tuple(by or ()),
            device=device,
            pictures=pictures,
            progress=bar.at,
        )
    for name, value in made.figures.items():
        typer.echo(f"{name}: {value}")
    for warning in made.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"report: {out / 'report.html'}")


def calibrate_command(
    checkpoint: CheckpointFile,
    cache: Annotated[Path, typer.Option(help="Cache of graded people that training never saw.")],
    out: Annotated[Path, typer.Option(help="The checkpoint to write; the network in it is the same.")],
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "validation",
    device: Device = "cpu",
) -> None:
    """Fit the probabilities, prediction sets and warning of a palsy checkpoint anew, say for your camera and people.

    Example: `htnet palsy calibrate --checkpoint runs/palsy-reference/best.pt --cache runs/clinic-cache --split all
    --out runs/palsy-clinic.pt`
    """
    from model_training.palsy.evaluation.recalibrate import recalibrate

    with progress_bar("images") as bar:
        made = recalibrate(checkpoint, cache, out, split=split, device=device, progress=bar.at)
    for line in made.lines():
        typer.echo(line)
    typer.echo(f"wrote {out}")


def evidence_command(
    checkpoint: CheckpointFile,
    test: Annotated[Path, typer.Option(help="Cache of simulated people that training never saw.")],
    out: Annotated[Path, typer.Option(help="Folder for metrics.json, figures.md, plots and MODEL_CARD.md.")],
    photographs: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=CACHE of palsies on photographs (`htnet simulate palsies-on-photos`). Repeatable; the first is "
            "the headline."
        ),
    ] = None,
    card: Annotated[Path | None, typer.Option(help="Draft of the model card, with a line <!-- figures -->.")] = None,
) -> None:
    """Every figure of a palsy model, as its model card and documentation show them.

    Example: `htnet palsy evidence --checkpoint runs/palsy-reference/best.pt --test runs/palsy-test --photographs
    photographs_test=runs/photographs --out runs/palsy-evidence`
    """
    from model_training.errors import TrainingError

    named: dict[str, Path] = {}
    for item in photographs or []:
        name, _, folder = item.partition("=")
        if not name or not folder:
            raise TrainingError(f"--photographs must be NAME=CACHE, got {item!r}")
        if name in named:
            raise TrainingError(f"--photographs {item}: {name} is {named[name]} already; give each cache its own name")
        named[name] = Path(folder)
    from model_training.palsy.evaluation.evidence import write_evidence

    with progress_bar("images") as bar:
        written = write_evidence(checkpoint, test=test, photographs=named, out=out, card=card, progress=bar.at)
    typer.echo(f"wrote {written}")


def ablation_command(
    config: Annotated[Path, typer.Option("--config", help="TOML of the whole model; its parts are left out in turn.")],
    test: Annotated[Path, typer.Option(help="Cache of simulated people that training never saw.")],
    photographs: Annotated[Path, typer.Option(help="Cache of palsies on photographs.")],
    out: Annotated[Path, typer.Option(help="Folder for the runs, ablation.csv and ablation.md.")],
    seeds: Annotated[int, typer.Option(help="Runs of each variant.")] = 3,
    processes: Annotated[int, typer.Option(help="Processes that share the runs.", min=1)] = 1,
) -> None:
    """What each part of the palsy model contributes; finished runs are kept.

    Example: `htnet palsy ablation --config configs/palsy_ablation.toml --test runs/palsy-test --photographs
    runs/photographs --out runs/palsy-ablation`
    """
    from model_training.palsy.evaluation.ablation import run_ablation

    with progress_bar("runs") as bar:
        table = run_ablation(
            config,
            seeds=seeds,
            test=test,
            photographs=photographs,
            out=out,
            processes=processes,
            say=bar.say,
            progress=bar.at,
        )
    typer.echo(f"wrote {table}")


def throughput_command(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="JSON file for the figures.")],
    sizes: Annotated[list[str] | None, typer.Option("--size", help="Named sizes to train. Repeatable.")] = None,
    steps: Annotated[int, typer.Option(help="Measured optimiser steps a size.", min=1)] = 6,
    table: Annotated[
        Path | None, typer.Option(help="Sample table for the speed of `cache`; left out where not given.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes of `cache`, with --table.")] = 2,
    device: Device = "cpu",
) -> None:
    """Images per second of `cache` and `train`, and the share of the time that the model takes.

    Example: `htnet palsy throughput --size tiny --size small --size base --out docs/throughput.json`
    """
    if table is None:
        refuse_given(context, "jobs", why="`cache` is measured with --table only")
    from model_training.palsy.evaluation.throughput import measure_throughput

    for line in measure_throughput(
        out, sizes=tuple(sizes or ("tiny", "small", "base")), steps=steps, table=table, jobs=jobs, device=device
    ):
        typer.echo(line)
    typer.echo(f"figures: {out}")
