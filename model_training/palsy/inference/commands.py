"""`predict`, `visualize`, `demo`: a palsy checkpoint's answers for photographs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from face.vocabulary import FacePolicy
from model_training.command_options import CheckpointFile, Device, progress_bar
from model_training.errors import Interrupted, UserError
from model_training.shard_options import shard_done

if TYPE_CHECKING:
    from face.palsy.prediction_table import Predictions
    from model_training.runtime.shard import Shard

Images = Annotated[list[Path], typer.Argument(help="Image files, folders, or a .txt with one path a line.")]
AnswersFolder = Annotated[Path, typer.Option("--out", help="Folder for predictions.csv (and pictures).")]
Pictures = Annotated[bool, typer.Option("--pictures", help="Also draw each answer on its photograph.")]
FacesOfImage = Annotated[
    FacePolicy, typer.Option("--faces", help="Several faces: an error for that image, or take the largest.")
]
LimitsBundle = Annotated[
    Path | None,
    typer.Option("--bundle", help="Folder of the bundle exported from it, where that sets limits of its own."),
]


def predict_command(
    images: Images,
    checkpoint: CheckpointFile,
    out: AnswersFolder,
    pictures: Pictures = False,
    faces: FacesOfImage = "single",
    bundle: LimitsBundle = None,
    device: Device = "cpu",
) -> None:
    """Grade photographs to a CSV, through the preprocessing and decoding of the service, refusals included.

    Example: `htnet palsy predict photos/ --checkpoint runs/demo/best.pt --out runs/demo/answers --pictures`
    """
    tell(with_checkpoint(images, checkpoint, out, pictures=pictures, faces=faces, bundle=bundle, device=device))


def with_checkpoint(
    images: list[Path],
    checkpoint: Path,
    out: Path,
    *,
    pictures: bool,
    faces: FacePolicy,
    bundle: Path | None,
    device: str,
    shard: Shard | None = None,
) -> Predictions:
    """`predict_files` with a progress bar."""
    from model_training.palsy.inference.predict import predict_files

    with progress_bar("predict") as bar:
        return predict_files(
            images,
            checkpoint,
            out,
            bundle=bundle,
            pictures=pictures,
            faces=faces,
            device=device,
            share=shard,
            progress=bar.at,
        )


def tell(made: Predictions, *, shard: Shard | None = None) -> None:
    """What became of the images. Raises Interrupted where Ctrl-C stopped it, UserError where none was graded."""
    if made.stopped:
        raise Interrupted(
            f"Stopped after {made.graded + made.refused} of {made.images} images; their answers are kept in "
            f"{made.table.parent}, and the same command goes on from there."
        )
    if made.known:
        typer.echo(f"{made.known} of {made.images} answers were there from an earlier run")
    if shard is not None:
        typer.echo(f"{made.graded} images graded, {made.refused} refused; {shard_done(shard, made.table.parent)}")
        return
    if not made.graded:
        raise UserError(f"none of {made.images} images could be graded; each has its reason in {made.table}")
    typer.echo(f"{made.graded} images graded, {made.refused} refused: {made.table}")


def visualize_command(
    images: Images,
    checkpoint: CheckpointFile,
    out: Annotated[Path, typer.Option(help="Folder for one PNG an image.")],
    device: Device = "cpu",
    roi_threshold: Annotated[
        float, typer.Option(help="Leave out what a ROI map shows below this.", min=0.0, max=1.0)
    ] = 0.0,
) -> None:
    """Face, the four regions, ROI maps, asymmetry map and attention, all on the photograph.

    Example: `htnet palsy visualize photo.jpg --checkpoint runs/demo/best.pt --out runs/demo/pictures`
    """
    from model_training.palsy.inference.visualize import visualize_files

    with progress_bar("visualize") as bar:
        written = visualize_files(
            images, checkpoint, out, device=device, roi_threshold=roi_threshold, say=bar.say, progress=bar.at
        )
    typer.echo(f"images drawn: {len(written)}, in {out}")


def demo_command(
    out: Annotated[Path, typer.Option(help="Folder for everything; one that was stopped goes on.")] = Path("runs/demo"),
    config: Annotated[
        Path | None,
        typer.Option(
            help="Configuration; configs/demo.toml otherwise. Its data.cache, run.out, run.seed and "
            "optimisation.epochs are the demonstration's own."
        ),
    ] = None,
    small: Annotated[bool, typer.Option("--small", help="A minute's worth, to see that every step works.")] = False,
    jobs: Annotated[int, typer.Option(help="Processes for simulating and caching.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the patients, the split and the training.")] = 0,
) -> None:
    """The whole way once on simulated patients; succeeds only if the service answers exactly as `predict` does.

    Example: `htnet palsy demo --out runs/demo`
    """
    from model_training.palsy.inference.demo import FULL, SMALL, default_config, describe, run_demo

    size = SMALL if small else FULL
    summary = run_demo(out, config=config or default_config(), size=size, jobs=jobs, seed=seed, say=typer.echo)
    for line in describe(summary):
        typer.echo(line)
    typer.echo(f"everything: {out}; the report: {out / 'report/report.html'}")
