"""`python -m model_training simulate`: simulated patients with ground truth, or a palsy put on a photograph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model_training.errors import TrainingError


def register(app: typer.Typer) -> None:
    app.command("simulate")(simulate_command)


def simulate_command(
    out: Annotated[Path, typer.Option(help="folder to write; an interrupted run in it goes on")],
    identities: Annotated[int, typer.Option(help="number of people")] = 40,
    images_per_identity: Annotated[int, typer.Option(help="photographs of each person")] = 20,
    seed: Annotated[int, typer.Option(help="the same seed gives the same data set")] = 0,
    split: Annotated[str, typer.Option(help="train, validation or test for every row; empty leaves it open")] = "",
    size: Annotated[int, typer.Option(help="side of the square photographs in pixels")] = 384,
    first_identity: Annotated[int, typer.Option(help="number of the first person")] = 0,
    processes: Annotated[int, typer.Option(help="rendering processes, one core each")] = 2,
) -> None:
    """Simulate people with facial palsy: photographs, grades, sides, regional severities and true asymmetry maps."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from model_training.simulator.dataset import SimulationConfig, simulate

    try:
        config = SimulationConfig(
            identities=identities,
            images_per_identity=images_per_identity,
            seed=seed,
            size_px=size,
            split=split,
            first_identity=first_identity,
        )
    except ValueError as error:
        raise TrainingError(str(error)) from error
    columns = (TextColumn("photographs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("simulate", total=identities * images_per_identity)
        table = simulate(
            out, config, processes=processes, on_progress=lambda images: progress.advance(task, images)
        )
    typer.echo(f"wrote {table}")
