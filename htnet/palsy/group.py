"""`htnet palsy`: train, judge and use a model of facial palsy."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from face.palsy.assessment.options import PUPIL_DISTANCE_RANGE_MM, ExaminationOptions, GivenSide
from face.vocabulary import HOUSE_BRACKMANN, FacePolicy
from htnet.groups import command_group
from htnet.palsy import sessions
from htnet.palsy.adapting import adapt_command
from htnet.palsy.bundles import Models, palsy_bundle, session_model
from htnet.palsy.same_face import judge_same_face_command
from model_training.command_options import Device, progress_bar, refuse_given
from model_training.commands import ConfiguredCommand, crossval_command, train_command
from model_training.errors import Interrupted, UserError
from model_training.palsy.adaptation import commands as adaptation
from model_training.palsy.evaluation import commands as evaluation
from model_training.palsy.inference import commands as inference
from model_training.palsy.visibility import commands as visibility
from model_training.runtime.shard import Shard
from model_training.runtime.waiting_threads import let_waiting_threads_sleep
from model_training.shard_options import ShardText, share_of_work

if TYPE_CHECKING:
    from face.palsy.prediction_table import Predictions

palsy = command_group(
    "Train, judge and use a model of facial palsy.\n\n"
    "Example: `htnet palsy predict photos/ --out runs/answers`, or from nothing: `htnet palsy demo`",
    prepare=let_waiting_threads_sleep,
)


@palsy.command("predict")
def predict_command(
    context: typer.Context,
    images: inference.Images,
    out: Annotated[
        Path | None, typer.Option(help="Folder for predictions.csv; without it, the answers are shown on the screen.")
    ] = None,
    models: Models = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A checkpoint of a run answers instead; this needs PyTorch.")
    ] = None,
    pictures: inference.Pictures = False,
    faces: inference.FacesOfImage = "single",
    bundle: inference.LimitsBundle = None,
    device: Device = "cpu",
    shard: ShardText = None,
) -> None:
    """Grade photographs as the service would, refusals included: on the screen, or to a CSV.

    Example: `htnet palsy predict photo.jpg`, or many: `htnet palsy predict photos/ --out runs/answers`

    With --out, every answer is kept from the moment it is there: the same command goes on where it was stopped, grades
    what is new since, and joins what `--shard 1/8` to `--shard 8/8` did elsewhere.

    With a checkpoint of your own: `htnet palsy predict photos/ --checkpoint runs/demo/best.pt --out runs/answers`
    """
    share = share_of_work(shard, None)
    if out is None:
        refuse_given(context, "pictures", "shard", why="without --out there is no folder for them")
    if checkpoint is None:
        why = "it is about a --checkpoint, and a bundle answers"
        for name in ("pictures", "bundle", "device"):
            refuse_given(context, name, why=why)

        def grade(folder: Path) -> Predictions:
            return _with_bundle(images, folder, models=models, faces=faces, share=share)
    else:
        refuse_given(context, "models", why="a --checkpoint answers")

        def grade(folder: Path) -> Predictions:
            return inference.with_checkpoint(
                images,
                checkpoint,
                folder,
                pictures=pictures,
                faces=faces,
                bundle=bundle,
                device=device,
                shard=share,
            )

    if out is not None:
        inference.tell(grade(out), shard=share)
        return
    with TemporaryDirectory() as folder:
        made = grade(Path(folder))
        from face.palsy.prediction_table import answers_in_words

        for line in answers_in_words(made.table):
            typer.echo(line)
        if made.stopped:
            raise Interrupted(f"Stopped after {made.graded + made.refused} of {made.images} images.")
        if not made.graded:
            raise UserError(f"none of {made.images} images could be graded")


def _with_bundle(
    images: list[Path], out: Path, *, models: Path | None, faces: FacePolicy, share: Shard | None
) -> Predictions:
    from face.errors import NoImages
    from service.analysis.photograph_table import grade_photographs
    from service.inference.errors import BundleError

    try:
        with progress_bar("predict") as bar:
            return grade_photographs(images, palsy_bundle(models), out, faces=faces, share=share, progress=bar.at)
    except (NoImages, BundleError) as error:
        raise UserError(str(error)) from error


@palsy.command("assess")
def assess_command(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder with the pictures of one person, named rest.jpg, brow_lift.jpg, gentle_closure.jpg, "
            "tight_closure.jpg, closed_smile.jpg, full_smile.jpg, snarl.jpg, pucker.jpg; any subset. Pictures with "
            "other "
            "names are sorted by the movement they show."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for assessment.json and report.html, which holds the pictures.")],
    models: Models = None,
    affected_side: Annotated[GivenSide, typer.Option(help="The patient's side, where it is known.")] = "auto",
    effort_confirmed: Annotated[
        bool, typer.Option("--effort-confirmed", help="A movement that is not seen was tried: it counts as none.")
    ] = False,
    eyelid_surgery: Annotated[
        bool, typer.Option("--eyelid-surgery", help="For Sunnybrook's item of the eye at rest.")
    ] = False,
    pupil_distance_mm: Annotated[
        float | None,
        typer.Option(
            min=PUPIL_DISTANCE_RANGE_MM[0],
            max=PUPIL_DISTANCE_RANGE_MM[1],
            help="Distance of the pupils: a better scale than the iris.",
        ),
    ] = None,
    mirrored: Annotated[bool, typer.Option("--mirrored", help="The camera swapped left and right.")] = False,
    faces: inference.FacesOfImage = "single",
) -> None:
    """Examine one person by several photographs: grade, scales, measures; what `POST /v1/palsy/assess` answers, and a
    page to read it on.

    Example: `htnet palsy assess photos/patient-7 --out runs/patient-7`
    """
    from face.errors import NoImages, PreprocessingError
    from service.inference.errors import BundleError
    from service.report.folder import assess_folder

    options = ExaminationOptions(
        affected_side=affected_side,
        effort_confirmed=effort_confirmed,
        eyelid_surgery=eyelid_surgery,
        pupil_distance_mm=pupil_distance_mm,
    )
    try:
        bundle = palsy_bundle(models)
        examining = session_model(models, bundle)
        made = assess_folder(folder, bundle, out, examining=examining, options=options, faces=faces, mirrored=mirrored)
    except (NoImages, BundleError, PreprocessingError) as error:
        raise UserError(str(error)) from error
    grade = made.analysis.examination.grade
    said = "no grade" if grade is None else f"House-Brackmann {HOUSE_BRACKMANN[grade.index]}"
    typer.echo(f"{said}; {made.analysis.examination.sentence}")
    for warning in made.analysis.warnings:
        typer.echo(f"- {warning}")
    typer.echo(f"the report: {made.report}; the answer: {made.answer}")


@palsy.command("dicom-sr")
def dicom_sr_command(
    answer: Annotated[
        Path,
        typer.Argument(help="The answer of grade or assess that was asked for with `Accept: application/fhir+json`."),
    ],
    pictures: Annotated[list[Path], typer.Argument(help="The DICOM files that were sent, all of them, unchanged.")],
    out: Annotated[Path, typer.Option(help="DICOM file for the report.")],
) -> None:
    """Write an answer as a DICOM Structured Report (TID 1500) of the study that its pictures are of, for the archive.

    Patient and study are copied from the pictures, here and not by the service. Example:
    `htnet palsy dicom-sr answer.json photo.dcm --out report.dcm`
    """
    try:
        from service.report.structured_report import NoReport, structured_report
    except ModuleNotFoundError as error:
        if error.name != "highdicom":
            raise
        raise UserError(
            "DICOM reports are written with highdicom, which is not installed: pip install 'htnet-clinical[dicom-sr]'"
        ) from error
    from face.whole_file import whole_file

    for path in (answer, *pictures):
        if not path.is_file():
            raise UserError(f"{path}: no such file")
    try:
        report = structured_report(
            answer.read_text(encoding="utf-8", errors="replace"), {str(path): path.read_bytes() for path in pictures}
        )
    except NoReport as error:
        raise UserError(str(error)) from error
    with whole_file(out) as temporary:
        report.save_as(temporary, enforce_file_format=True)
    typer.echo(f"wrote {out}: preliminary and unverified, until a clinician signs it")


palsy.command("train", cls=ConfiguredCommand)(train_command("palsy"))
palsy.command("crossval", cls=ConfiguredCommand)(crossval_command("palsy"))
palsy.command("evaluate")(evaluation.evaluate_command)
palsy.command("visualize")(inference.visualize_command)
palsy.command("calibrate")(evaluation.calibrate_command)
palsy.command("adapt")(adapt_command)
palsy.command("site-update")(adaptation.site_update_command)
palsy.command("average-updates")(adaptation.average_updates_command)
palsy.command("study-sites")(adaptation.study_sites_command)
palsy.command("evidence")(evaluation.evidence_command)
palsy.command("ablation")(evaluation.ablation_command)
palsy.command("throughput")(evaluation.throughput_command)
palsy.command("judge-sessions")(sessions.judge_sessions_command)
palsy.command("judge-same-face")(judge_same_face_command)
palsy.command("fit-sessions")(sessions.fit_sessions_command)
palsy.command("train-session")(sessions.train_session_command)
palsy.command("train-visibility")(visibility.train_visibility_command)
palsy.command("judge-visibility")(visibility.judge_visibility_command)
palsy.command("demo")(inference.demo_command)
