"""`htnet palsy`: train, judge and use a model of facial palsy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from face.vocabulary import FacePolicy
from htnet.groups import command_group
from model_training.command_options import Device, progress_bar, refuse_given
from model_training.commands import train_command
from model_training.errors import Interrupted, UserError
from model_training.palsy.evaluation import commands as evaluation
from model_training.palsy.inference import commands as inference
from model_training.palsy.visibility import commands as visibility
from model_training.runtime.waiting_threads import let_waiting_threads_sleep

palsy = command_group(
    "Train, judge and use a model of facial palsy.\n\n"
    "Example: `htnet palsy predict photos/ --out runs/answers`, or from nothing: `htnet palsy demo`",
    prepare=let_waiting_threads_sleep,
)


@palsy.command("predict")
def predict_command(
    context: typer.Context,
    images: inference.Images,
    out: inference.AnswersFolder,
    models: Annotated[
        Path | None,
        typer.Option(
            envvar="HTNET_MODELS_DIR",
            help="Folder of bundles, or one bundle: what answers, as the service would. Without it, what `htnet serve` "
            "would serve.",
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A checkpoint of a run answers instead; this needs PyTorch.")
    ] = None,
    pictures: inference.Pictures = False,
    faces: inference.FacesOfImage = "single",
    bundle: inference.LimitsBundle = None,
    device: Device = "cpu",
) -> None:
    """Grade photographs to a CSV, as the service would, refusals included.

    Example: `htnet palsy predict photos/ --out runs/answers`

    With a checkpoint of your own: `htnet palsy predict photos/ --checkpoint runs/demo/best.pt --out runs/answers`
    """
    if checkpoint is None:
        why = "it is about a --checkpoint, and a bundle answers"
        for name in ("pictures", "bundle", "device"):
            refuse_given(context, name, why=why)
        _predict_with_bundle(images, out, models=models, faces=faces)
    else:
        refuse_given(context, "models", why="a --checkpoint answers")
        inference.predict_command(images, checkpoint, out, pictures, faces, bundle, device)


def _predict_with_bundle(images: list[Path], out: Path, *, models: Path | None, faces: FacePolicy) -> None:
    from face.errors import NoImages
    from service.analysis.models import find_bundles
    from service.analysis.photograph_table import grade_photographs
    from service.config import shipped_models_dir
    from service.inference.bundle import load_bundle
    from service.inference.errors import BundleError

    try:
        bundles = [load_bundle(folder) for folder in find_bundles(models or shipped_models_dir())]
        bundle = next((bundle for bundle in bundles if bundle.manifest.task == "palsy"), bundles[0])
        with progress_bar("predict") as bar:
            made = grade_photographs(images, bundle, out, faces=faces, progress=bar.at)
    except (NoImages, BundleError) as error:
        raise UserError(str(error)) from error
    if made.stopped:
        raise Interrupted(
            f"Stopped after {made.graded + made.refused} of {made.images} images; their answers are in {made.table}."
        )
    typer.echo(f"{made.graded} images graded, {made.refused} refused: {made.table}")


palsy.command("train")(train_command("palsy"))
palsy.command("crossval")(evaluation.crossval_command)
palsy.command("evaluate")(evaluation.evaluate_command)
palsy.command("visualize")(inference.visualize_command)
palsy.command("calibrate")(evaluation.calibrate_command)
palsy.command("evidence")(evaluation.evidence_command)
palsy.command("ablation")(evaluation.ablation_command)
palsy.command("throughput")(evaluation.throughput_command)
palsy.command("train-visibility")(visibility.train_visibility_command)
palsy.command("judge-visibility")(visibility.judge_visibility_command)
palsy.command("demo")(inference.demo_command)
