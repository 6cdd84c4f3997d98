"""`htnet palsy`: train, judge and use a model of facial palsy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from htnet.groups import command_group
from model_training.command_options import Device, Faces, refuse_given
from model_training.commands import Kind, train_command
from model_training.errors import UserError
from model_training.palsy.evaluation import commands as evaluation
from model_training.palsy.inference import commands as inference
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
        Path, typer.Option(help="Folder of bundles, or one bundle: who answers, as the service would.")
    ] = Path("models"),
    checkpoint: Annotated[
        Path | None, typer.Option(help="A checkpoint of a run answers instead; this needs PyTorch.")
    ] = None,
    pictures: inference.Pictures = False,
    faces: inference.FacesOfImage = Faces.single,
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
        predict_with_bundle(images, out, models=models, faces=faces)
    else:
        refuse_given(context, "models", why="a --checkpoint answers")
        inference.predict_command(images, checkpoint, out, pictures, faces, bundle, device)


def predict_with_bundle(images: list[Path], out: Path, *, models: Path, faces: Faces) -> None:
    """The same CSV from a bundle's graph, by the service's own code: no PyTorch."""
    raise UserError(f"{models}: bundles cannot answer here yet; give --checkpoint ({len(images)}, {out}, {faces})")


palsy.command("train")(train_command(Kind.palsy))
palsy.command("crossval")(evaluation.crossval_command)
palsy.command("evaluate")(evaluation.evaluate_command)
palsy.command("visualize")(inference.visualize_command)
palsy.command("calibrate")(evaluation.calibrate_command)
palsy.command("evidence")(evaluation.evidence_command)
palsy.command("ablation")(evaluation.ablation_command)
palsy.command("throughput")(evaluation.throughput_command)
palsy.command("demo")(inference.demo_command)
