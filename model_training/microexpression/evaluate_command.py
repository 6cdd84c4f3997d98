"""`evaluate`: a micro-expression checkpoint on clips that it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model_training.command_options import refuse_given
from model_training.errors import TrainingError

# What the original HTNet was trained on; the pre-split layout does not say the data set.
COMPOSITE = ("casme2", "smic", "samm", "flow")

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
    from model_training.microexpression.inference.answers import answers_for, calibrated, temperature_of
    from model_training.microexpression.inference.subject_networks import answers_by_subject, holds_subject_networks
    from model_training.microexpression.published_flow import load_flow
    from model_training.training.checkpoint import load_checkpoint

    clips = _of_subjects(load_flow(data, split=split), subject or (), data)
    if holds_subject_networks(checkpoint):
        each, temperature, place = answers_by_subject(checkpoint, clips), 1.0, checkpoint
        typer.echo("each subject is judged by the network of its name")
    else:
        stored = load_checkpoint(checkpoint)
        _refuse_training_clips(stored, clips, chosen=split not in (None, "train", "validation") or bool(subject))
        temperature, place = temperature_of(stored), stored.path or checkpoint
        each = answers_for(stored, clips)
    report = zero_shot_report(each, temperature, clips)
    if out is not None:
        write_zero_shot(report, out, clips.class_names)
        answered = calibrated(each, temperature)
        title = f"{checkpoint.name} on {data.name}"
        write_clips_report(clips, answered, out, title=title, epochs=epochs_beside(place), pictures=pictures)
    both, interval = report["ensemble"]["full"], report["ensemble_interval_95_by_subject"]["uf1"]
    if len(report["members"]) > 1:
        single = report["single_mean"]
        typer.echo(f"single, mean of {len(report['members'])}: {single['uf1']:.3f}/{single['uar']:.3f}")
    name = "ensemble" if len(report["members"]) > 1 else "UF1/UAR"
    typer.echo(
        f"{name}: {both['uf1']:.3f}/{both['uar']:.3f}, UF1 95 % by subject {interval[0]:.3f}-{interval[1]:.3f} "
        f"({len(clips)} clips of {report['subjects']} subject{'s' if report['subjects'] > 1 else ''})"
    )
    for warning in few_people_warnings(people=clips.subjects, truth=clips.labels, labels=clips.class_names):
        typer.echo(f"warning: {warning}", err=True)
    typer.echo("figures: written nowhere; give --out" if out is None else f"report: {out / 'report.html'}")


def _of_subjects(clips: FlowImages, subjects: list[str] | tuple[()], data: Path) -> FlowImages:
    """A subject may be named without its data set, and with one where the clips know none. Raises TrainingError for one
    that is not there, or is in two data sets."""
    import numpy as np

    from model_training.microexpression.inference.subject_networks import own_name

    if not subjects:
        return clips
    chosen = []
    for name in subjects:
        known = clips.subject_names
        found = [name] if name in known else [one for one in known if own_name(one) == own_name(name)]
        found = [one for one in found if one == name or "/" not in one or "/" not in name]
        if not found:
            raise TrainingError(f"{data}: no clip of {name}; subjects are {', '.join(known[:8])} ...")
        if len(found) > 1:
            raise TrainingError(f"{data}: {name} is in several data sets; say which: {', '.join(found)}")
        chosen += found
    return clips.of(np.isin(clips.subjects, chosen))


def _refuse_training_clips(checkpoint: Checkpoint, clips: FlowImages, *, chosen: bool) -> None:
    """Raises TrainingError where figures would be figures on training data. chosen: the user named the clips."""
    trained_on = checkpoint.training_data
    if trained_on.get("kind") == "fine-tuned":
        raise TrainingError(
            f"{checkpoint.path}: was trained on real clips; figures of it on them would be figures on training data. "
            "Its estimate is `htnet microexpression loso` with the same configuration"
        )
    if trained_on.get("kind") == "imported" and not chosen and {*COMPOSITE} & {*clips.datasets.tolist()}:
        raise TrainingError(
            f"{checkpoint.path}: weights of the original HTNet, which saw all of these subjects but one: name that one "
            "with --subject. All are judged at once, each by the weights that have not seen it, where --checkpoint is "
            "the folder that `htnet import-original FOLDER_OF_PTH --out DIR` writes"
        )
    shared = sorted({*trained_on.get("datasets", ())} & {*clips.datasets.tolist()})
    if shared and not chosen:
        raise TrainingError(
            f"{checkpoint.path}: was trained on people of {', '.join(shared)}; judge it on those it has not seen, with "
            "--split test or --subject"
        )
