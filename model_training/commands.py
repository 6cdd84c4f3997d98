"""`cache`, `train`, `crossval`, `evaluate`, `predict`, `visualize`, `throughput`: the commands around one model."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model_training.command_options import CheckpointFile, Device
from model_training.palsy.evaluation import commands as palsy_commands

if TYPE_CHECKING:
    from rich.progress import Progress

Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change one key of the configuration, e.g. --set run.seed=3. Repeatable."),
]


class Kind(StrEnum):
    palsy = "palsy"
    microexpression = "microexpression"


class Faces(StrEnum):
    single = "single"
    largest = "largest"


def register(app: typer.Typer) -> None:
    app.command("cache")(cache_command)
    app.command("train")(train_command)
    app.command("crossval")(crossval_command)
    app.command("evaluate")(evaluate_command)
    app.command("predict")(predict_command)
    app.command("visualize")(visualize_command)
    palsy_commands.register(app)
    app.command("throughput")(throughput_command)
    app.command("demo")(demo_command)


def progress_bar() -> Progress:
    """Vanishes when it is done, and is not drawn where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(*Progress.get_default_columns(), console=console, transient=True, disable=not console.is_terminal)


def cache_command(
    table: Annotated[Path, typer.Argument(help="Sample table, or its folder.")],
    out: Annotated[Path, typer.Option(help="Folder of the cache.")],
    kind: Annotated[
        Kind, typer.Option(help="What the rows are: photographs, or onset/apex pairs and flow images.")
    ] = Kind.palsy,
    jobs: Annotated[int, typer.Option(help="Processes.")] = 2,
    faces: Annotated[
        Faces, typer.Option(help="Several faces in a picture: an error for that row, or take the largest.")
    ] = Faces.largest,
) -> None:
    """Run the shared preprocessing once over a table: parallel, resumable, faces that are not found are listed.

    Example: `python -m model_training cache runs/fnp --out runs/fnp-cache --jobs 8`
    """
    from model_training.data.cache_build import build_cache
    from model_training.data.sample_table import read_table
    from model_training.tasks import make_producer

    read = read_table(table)
    producer = make_producer(kind, faces=faces.value)
    with progress_bar() as bar:
        task = bar.add_task("cache", total=len(read))
        report = build_cache(read, out, producer=producer, jobs=jobs, progress=lambda rows: bar.advance(task, rows))
    typer.echo(
        f"{report.found} of {report.rows} rows cached in {out} ({report.images_per_second:.1f} images/s, {jobs} "
        "processes)"
    )
    for code, count in report.not_found.items():
        typer.echo(f"  not used {count}: {code}")
    if report.not_found:
        typer.echo(f"  every one of them: {out / 'not_found.csv'}")


def train_command(
    config: Annotated[Path, typer.Option("--config", help="TOML; examples in configs/.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in run.out.")] = False,
    init: Annotated[
        list[Path] | None,
        typer.Option(
            "--init",
            help="Start from the weights of another checkpoint, as far as they fit; of several, a later one wins.",
        ),
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Train one model; Ctrl-C saves, `--resume` goes on exactly there.

    Example: `python -m model_training train --config configs/demo.toml --set data.cache=runs/fnp-cache`

    Several GPUs: `torchrun --nproc-per-node 4 -m model_training train --config my.toml --set run.device=cuda`
    """
    from model_training.training.config import load_config

    settings = load_config(config, overrides=tuple(overrides or ()))  # before torch is loaded: mistakes answer at once
    from model_training.tasks import make_task
    from model_training.training.train import train

    result = train(
        make_task(settings),
        resume=resume,
        init=init or (),
        say=typer.echo,
        show_progress=True,
    )
    typer.echo(f"best epoch {result.best_epoch} of {result.epochs}: {result.best}")


def crossval_command(
    config: Annotated[Path, typer.Option("--config", help="TOML; run.out is the folder of all folds.")],
    folds: Annotated[int, typer.Option(help="Folds by person; 0 leaves one person out at a time.")] = 5,
    jobs: Annotated[int, typer.Option(help="Folds at the same time; fewer when memory is short.")] = 1,
    validation: Annotated[
        float, typer.Option(help="Share of each fold's other people that choose the epoch and calibrate.")
    ] = 0.15,
    overrides: Overrides = None,
) -> None:
    """Cross-validation by person; finished folds are kept, an interrupted one goes on.

    Example: `python -m model_training crossval --config configs/demo.toml --folds 5`

    Leave one person out: `... crossval --config my.toml --folds 0`
    """
    from model_training.palsy.evaluation.crossval import cross_validate
    from model_training.training.config import load_config

    settings = load_config(config, overrides=tuple(overrides or ()))
    figures = cross_validate(
        settings,
        folds=folds,
        jobs=jobs,
        validation=validation,
        say=typer.echo,
    )
    typer.echo(f"pooled over all folds: {figures}")
    typer.echo(f"report: {Path(settings.run.out) / 'report/report.html'}")


def evaluate_command(
    checkpoint: CheckpointFile,
    cache: Annotated[Path, typer.Option(help="Cache of the samples to judge.")],
    out: Annotated[Path, typer.Option(help="Folder for metrics.json, metrics.csv, predictions.csv and report.html.")],
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "test",
    by: Annotated[
        list[str] | None, typer.Option(help="Further table columns to judge by, e.g. --by skin_tone. Repeatable.")
    ] = None,
    device: Device = "cpu",
) -> None:
    """Figures with intervals by person, per data set, pose and subgroup: JSON, CSV and one HTML file with the plots.

    Example: `python -m model_training evaluate --checkpoint runs/demo/best.pt --cache runs/fnp-cache --out
    runs/demo/report`
    """
    from model_training.palsy.evaluation.evaluate import evaluate

    summary = evaluate(checkpoint, cache, out, split=split, by=tuple(by or ()), device=device)
    for name, value in summary.items():
        typer.echo(f"{name}: {value}")
    typer.echo(f"report: {out / 'report.html'}")


def predict_command(
    images: Annotated[list[Path], typer.Argument(help="Image files, folders, or a .txt with one path a line.")],
    checkpoint: CheckpointFile,
    out: Annotated[Path, typer.Option(help="Folder for predictions.csv (and pictures).")],
    pictures: Annotated[bool, typer.Option("--pictures", help="Also draw each answer on its photograph.")] = False,
    faces: Annotated[
        Faces, typer.Option(help="Several faces: an error for that image, or take the largest.")
    ] = Faces.single,
    bundle: Annotated[
        Path | None, typer.Option(help="Folder of the bundle exported from it, where that sets limits of its own.")
    ] = None,
    device: Device = "cpu",
) -> None:
    """Grade photographs to a CSV, through the preprocessing and decoding of the service, refusals included.

    Example: `python -m model_training predict photos/ --checkpoint runs/demo/best.pt --out runs/demo/answers
    --pictures`
    """
    from model_training.palsy.inference.predict import predict_files

    with progress_bar() as bar:
        task = bar.add_task("predict", total=None)
        made = predict_files(
            images,
            checkpoint,
            out,
            bundle=bundle,
            pictures=pictures,
            faces=faces.value,
            device=device,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    typer.echo(f"{made.graded} images graded, {made.refused} refused: {made.table}")


def visualize_command(
    images: Annotated[list[Path], typer.Argument(help="Image files or folders.")],
    checkpoint: CheckpointFile,
    out: Annotated[Path, typer.Option(help="Folder for one PNG an image.")],
    device: Device = "cpu",
) -> None:
    """Face, the four regions, ROI maps, asymmetry map and attention, all on the photograph.

    Example: `python -m model_training visualize photo.jpg --checkpoint runs/demo/best.pt --out runs/demo/pictures`
    """
    from model_training.palsy.inference.visualize import visualize_files

    written = visualize_files(images, checkpoint, out, device=device, say=typer.echo)
    typer.echo(f"images drawn: {len(written)}, in {out}")


def throughput_command(
    out: Annotated[Path, typer.Option(help="JSON file for the figures.")],
    sizes: Annotated[list[str] | None, typer.Option("--size", help="Named sizes to train. Repeatable.")] = None,
    steps: Annotated[int, typer.Option(help="Measured optimiser steps a size.")] = 6,
    table: Annotated[
        Path | None, typer.Option(help="Sample table for the speed of `cache`; left out where not given.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes of `cache`.")] = 2,
    device: Device = "cpu",
) -> None:
    """Images per second of `cache` and `train`, and the share of the time that the model takes.

    Example: `python -m model_training throughput --size tiny --size small --size base --out docs/throughput.json`
    """
    from model_training.palsy.evaluation.throughput import measure_throughput

    for line in measure_throughput(
        out, sizes=tuple(sizes or ("tiny", "small", "base")), steps=steps, table=table, jobs=jobs, device=device
    ):
        typer.echo(line)
    typer.echo(f"figures: {out}")


def demo_command(
    out: Annotated[Path, typer.Option(help="Folder for everything; it must not exist yet.")] = Path("runs/demo"),
    config: Annotated[Path | None, typer.Option(help="Configuration; configs/demo.toml otherwise.")] = None,
    small: Annotated[bool, typer.Option("--small", help="A minute's worth, to see that every step works.")] = False,
    jobs: Annotated[int, typer.Option(help="Processes for simulating and caching.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the patients, the split and the training.")] = 0,
) -> None:
    """The whole way once on simulated patients; succeeds only if the service answers exactly as `predict` does.

    Example: `python -m model_training demo --out runs/demo`
    """
    from model_training.palsy.inference.demo import FULL, SMALL, default_config, describe, run_demo

    size = SMALL if small else FULL
    summary = run_demo(out, config=config or default_config(), size=size, jobs=jobs, seed=seed, say=typer.echo)
    for line in describe(summary):
        typer.echo(line)
    typer.echo(f"everything: {out}; the report: {out / 'report/report.html'}")
