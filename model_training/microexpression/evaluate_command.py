"""`evaluate`: a micro-expression checkpoint on clips that it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model_training.command_options import refuse_given
from model_training.errors import TrainingError

if TYPE_CHECKING:
    from model_training.microexpression.published_flow import FlowImages
    from model_training.training.checkpoint import Checkpoint


def evaluate_command(
    context: typer.Context,
    checkpoint: Annotated[
        Path, typer.Option(help="Checkpoint of `train`, `reference` or `htnet import-original`, or a folder of one.")
    ],
    data: Annotated[
        Path, typer.Option("--data", help="A cache, a folder of the published flow images, or an .npz flow cache.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder for report.html, metrics and predictions as tables, and zero_shot.json with all members.",
        ),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Of a cache, judge only the rows of this split, e.g. test.")] = None,
    subject: Annotated[
        list[str] | None, typer.Option(help="Judge only this subject's clips, e.g. casme2/sub01. Repeatable.")
    ] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Show the worst errors' flow images in the report.")
    ] = False,
) -> None:
    """Judge a checkpoint on clips of people whom it has not seen: UF1 and UAR, by data set, with intervals by subject.

    Example: `htnet microexpression evaluate --checkpoint runs/reference.pt --data FLOW --out runs/zero-shot`
    """
    if out is None:
        refuse_given(context, "pictures", why="without --out there is no report")
    from model_training.judging.few_people import few_people_warnings
    from model_training.judging.learning_curves import epochs_beside
    from model_training.microexpression.evaluation.clips_report import write_clips_report
    from model_training.microexpression.evaluation.zero_shot import write_zero_shot, zero_shot_report
    from model_training.microexpression.folded.reference import as_tensor
    from model_training.microexpression.inference.answers import answers_of, calibrated, temperature_of
    from model_training.microexpression.published_flow import load_flow
    from model_training.training.checkpoint import load_checkpoint

    stored = load_checkpoint(checkpoint)
    clips = _of_subjects(load_flow(data, split=split), subject or (), data)
    _refuse_training_clips(stored, clips, chosen=split not in (None, "train", "validation") or bool(subject))
    report = zero_shot_report(stored, clips)
    if out is not None:
        write_zero_shot(report, out, clips.class_names)
        answered = calibrated(answers_of(stored)(as_tensor(clips.images)), temperature_of(stored))
        title = f"{checkpoint.name} on {data.name}"
        write_clips_report(
            clips, answered, out, title=title, epochs=epochs_beside(stored.path or checkpoint), pictures=pictures
        )
    both, interval = report["ensemble"]["full"], report["ensemble_interval_95_by_subject"]["uf1"]
    if len(report["members"]) > 1:
        single = report["single_mean"]
        typer.echo(f"single, mean of {len(report['members'])}: {single['uf1']:.3f}/{single['uar']:.3f}")
    name = "ensemble" if len(report["members"]) > 1 else "UF1/UAR"
    typer.echo(
        f"{name}: {both['uf1']:.3f}/{both['uar']:.3f}, UF1 95 % by subject {interval[0]:.3f}-{interval[1]:.3f} "
        f"({len(clips)} clips of {report['subjects']} subjects)"
    )
    for warning in few_people_warnings(people=clips.subjects, truth=clips.labels, labels=clips.class_names):
        typer.echo(f"warning: {warning}", err=True)
    typer.echo("figures: written nowhere; give --out" if out is None else f"report: {out / 'report.html'}")


def _of_subjects(clips: FlowImages, subjects: list[str] | tuple[()], data: Path) -> FlowImages:
    import numpy as np

    unknown = [name for name in subjects if name not in clips.subject_names]
    if unknown:
        raise TrainingError(
            f"{data}: no clip of {', '.join(unknown)}; subjects are {', '.join(clips.subject_names[:8])} ..."
        )
    return clips.of(np.isin(clips.subjects, subjects)) if subjects else clips


def _refuse_training_clips(checkpoint: Checkpoint, clips: FlowImages, *, chosen: bool) -> None:
    """Raises TrainingError where figures would be figures on training data. chosen: the user named the clips."""
    trained_on = checkpoint.training_data
    if trained_on.get("kind") == "fine-tuned":
        raise TrainingError(
            f"{checkpoint.path}: was trained on real clips; figures of it on them would be figures on training data. "
            "Its estimate is `htnet microexpression loso` with the same configuration"
        )
    shared = sorted({*trained_on.get("datasets", ())} & {*clips.datasets.tolist()})
    if shared and not chosen:
        raise TrainingError(
            f"{checkpoint.path}: was trained on people of {', '.join(shared)}; judge it on those it has not seen, with "
            "--split test or --subject"
        )
