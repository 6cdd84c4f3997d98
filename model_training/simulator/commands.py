"""`python -m model_training simulate`, simulated patients with ground truth or a palsy put on a photograph, and
`portraits`, which picks the photographs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model_training.errors import TrainingError

if TYPE_CHECKING:
    from rich.progress import Progress


def register(app: typer.Typer) -> None:
    app.command("simulate")(simulate_command)
    app.command("portraits")(portraits_command)


def simulate_command(
    out: Annotated[Path, typer.Option(help="folder to write; an interrupted run in it goes on")],
    identities: Annotated[int, typer.Option(help="number of people")] = 40,
    images_per_identity: Annotated[int, typer.Option(help="photographs of each person")] = 20,
    seed: Annotated[int, typer.Option(help="the same seed gives the same data set")] = 0,
    split: Annotated[
        str, typer.Option(help="train, validation or test for every row; empty leaves it open, or to --photo TABLE")
    ] = "",
    size: Annotated[int, typer.Option(help="side of the square photographs in pixels")] = 384,
    first_identity: Annotated[int, typer.Option(help="number of the first person")] = 0,
    processes: Annotated[int, typer.Option(help="rendering processes, one core each")] = 2,
    preview: Annotated[
        bool, typer.Option("--preview", help="write only OUT/preview.jpg: poses in rows, grades in columns")
    ] = False,
    photo: Annotated[
        Path | None,
        typer.Option(
            help="instead of rendering, put palsies on the healthy faces of this image file, folder or sample table "
            "(its rows of grade I); every pose, side and grade, unless --per-photo says otherwise"
        ),
    ] = None,
    per_photo: Annotated[int, typer.Option(help="with --photo: palsies drawn at random for each face")] = 0,
    mover: Annotated[
        str,
        typer.Option(
            help="with --photo, what moves the face: fields (smooth fields made for photographs), units (face units of "
            "the simulated head), either of these, or pins (another one, for judging only)"
        ),
    ] = "fields",
) -> None:
    """Simulate people with facial palsy: photographs, grades, sides, regional severities and true asymmetry maps.

    Example: `python -m model_training simulate --out runs/simulated --identities 40 --seed 1`
    """
    if preview and photo is not None:
        raise TrainingError("--preview and --photo exclude each other: choose one")
    if photo is not None:
        _warp(photo, out, per_photo=per_photo, seed=seed, split=split, mover=mover)
    elif preview:
        typer.echo(f"wrote {_write_preview(out, seed=seed, size_px=size)}")
    else:
        _simulate(
            out,
            processes=processes,
            identities=identities,
            images_per_identity=images_per_identity,
            seed=seed,
            size_px=size,
            split=split,
            first_identity=first_identity,
        )


def portraits_command(
    source: Annotated[Path, typer.Argument(help="folder of pictures, searched with all below it")],
    out: Annotated[Path, typer.Option(help="folder for the portraits that can be used")],
) -> None:
    """Pick the pictures that `simulate --photo` can put a palsy on: one sharp frontal face, each picture once.

    Example: `python -m model_training portraits pif-website/assets/images/fellows --out runs/portraits`
    """
    from model_training.simulator.photographs.portraits import reasons_file, select_portraits

    with _done_of_all("pictures") as on_progress:
        table = select_portraits(source, out, on_progress=on_progress)
    typer.echo(f"{int(table['kept'].sum())} of {len(table)} pictures: {out} ({reasons_file(out)} says why)")


def _counted(what: str) -> Progress:
    """A bar with the count of what is done and the time that is left."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


@contextmanager
def _done_of_all(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is moved by calls with (done, all)."""
    with _counted(what) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _warp(photo: Path, out: Path, *, per_photo: int, seed: int, split: str, mover: str) -> None:
    from model_training.simulator.photographs.warped_set import warp_photograph_set

    with _done_of_all("faces") as on_progress:
        table = warp_photograph_set(
            photo, out, per_photo=per_photo, seed=seed, split=split, mover=mover, on_progress=on_progress
        )
    typer.echo(f"wrote {table}")


def _simulate(out: Path, *, processes: int, **settings: int | str) -> None:
    from model_training.configuration import build
    from model_training.simulator.dataset import SimulationConfig, simulate

    if processes < 1:
        raise TrainingError(f"processes must be at least 1, got {processes}")
    config = build(SimulationConfig, settings)
    with _counted("photographs") as progress:
        task = progress.add_task("simulate", total=config.identities * config.images_per_identity)
        table = simulate(out, config, processes=processes, on_progress=lambda images: progress.advance(task, images))
    typer.echo(f"wrote {table}")


def _write_preview(out: Path, *, seed: int, size_px: int) -> Path:
    import cv2

    from model_training.simulator.contact_sheet import contact_sheet
    from model_training.simulator.head.head import Head

    sheet = contact_sheet(Head.load(), seed=seed, size_px=size_px)
    path = out / "preview.jpg"
    out.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90]):
        raise TrainingError(f"{path}: could not be written")
    return path
