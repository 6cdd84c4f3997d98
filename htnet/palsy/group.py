"""`htnet palsy`: train, judge and use a model of facial palsy."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from face.palsy.assessment.options import PUPIL_DISTANCE_RANGE_MM, ExaminationOptions, GivenSide
from face.vocabulary import HOUSE_BRACKMANN, FacePolicy
from htnet.groups import command_group
from htnet.palsy.adapting import adapt_command
from htnet.palsy.same_face import People, judge_people
from model_training.command_options import Device, progress_bar, refuse_given
from model_training.commands import crossval_command, train_command
from model_training.errors import Interrupted, UserError
from model_training.palsy.adaptation import commands as adaptation
from model_training.palsy.evaluation import commands as evaluation
from model_training.palsy.inference import commands as inference
from model_training.palsy.visibility import commands as visibility
from model_training.runtime.shard import Shard
from model_training.runtime.waiting_threads import let_waiting_threads_sleep
from model_training.shard_options import ShardText, share_of_work

if TYPE_CHECKING:
    from face.palsy.assessment.session_model import SessionModel
    from face.palsy.prediction_table import Predictions
    from model_training.palsy.evaluation.sessions.readings import ReadSession
    from service.inference.bundle import Bundle

Models = Annotated[
    Path | None,
    typer.Option(
        envvar="HTNET_MODELS_DIR",
        help="Folder of bundles, or one bundle: what answers, as the service would. Without it, what `htnet serve` "
        "would serve.",
    ),
]

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
            return grade_photographs(images, _palsy_bundle(models), out, faces=faces, share=share, progress=bar.at)
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
        palsy_bundle = _palsy_bundle(models)
        examining = _session_model(models, palsy_bundle)
        made = assess_folder(
            folder, palsy_bundle, out, examining=examining, options=options, faces=faces, mirrored=mirrored
        )
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


@palsy.command("judge-sessions")
def judge_sessions_command(
    tables: Annotated[list[Path], typer.Argument(help="Tables of sessions, as `htnet simulate sessions` writes them.")],
    out: Annotated[Path, typer.Option(help="JSON file for the figures, by table.")],
    models: Models = None,
    network: Annotated[
        bool, typer.Option(help="With the network of examinations, where there is a bundle of one; or step by step.")
    ] = True,
) -> None:
    """Judge examinations by the shipped model on sessions whose truth is known, with intervals by person.

    Example: `htnet palsy judge-sessions runs/sessions --out runs/sessions.json`
    """
    import json

    from face.palsy.assessment.session_model import numbers_for
    from face.whole_file import write_text
    from model_training.palsy.evaluation.sessions.figures import judge_sessions

    model = _session_model(models, _palsy_bundle(models)) if network else None
    numbers = numbers_for(model)
    figures = {str(path): judge_sessions(_read(path, models=models), numbers, model=model) for path in tables}
    write_text(json.dumps(figures, indent=1) + "\n", out)
    for path, found in figures.items():
        grade = found["all"]["figures"]
        typer.echo(
            f"{path}: {found['sessions']} sessions of {found['people']} people: kappa {grade['kappa']:.3f}, "
            f"exact {grade['exact']:.3f}, within one {grade['within_one']:.3f}"
        )
    typer.echo(f"wrote {out}")


@palsy.command("judge-same-face")
def judge_same_face_command(folder: People, models: Models = None) -> None:
    """Is an examination of one person doubted to be of one, and another person's picture among it noticed?

    Example: `htnet palsy judge-same-face people/`
    """
    judge_people(folder, _palsy_bundle(models))


@palsy.command("fit-sessions")
def fit_sessions_command(
    tables: Annotated[list[Path], typer.Argument(help="Tables of sessions that nothing is judged on.")],
    out: Annotated[Path, typer.Option(help="JSON file; face/palsy/assessment/fitted.json is the one that is used.")],
    models: Models = None,
) -> None:
    """Fit the numbers of an examination: temperatures, limits of sets, errors of measures, smallest changes.

    Example: `htnet palsy fit-sessions runs/fit-alike runs/fit-differ --out runs/fitted.json`
    """
    import json

    from face.whole_file import write_text
    from model_training.palsy.evaluation.sessions.fit import fit_numbers

    sessions = [session for path in tables for session in _read(path, models=models)]
    write_text(json.dumps(fit_numbers(sessions), indent=1) + "\n", out)
    typer.echo(f"fitted on {len(sessions)} sessions; wrote {out}")


@palsy.command("train-session")
def train_session_command(
    tables: Annotated[list[Path], typer.Argument(help="Tables of simulated sessions that nothing is judged on.")],
    out: Annotated[Path, typer.Option(help="The file to write, e.g. runs/session.pt; `htnet export` makes a bundle.")],
    models: Annotated[
        Path | None,
        typer.Option(envvar="HTNET_MODELS_DIR", help="The palsy model whose readings it takes; shipped otherwise."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML with what is not to be as usual: epochs, seed, ...")] = None,
) -> None:
    """Train the network of whole examinations: movements in millimetres of the truth, severities of the regions.

    Example: `htnet palsy train-session runs/fit-alike runs/fit-differ runs/fit-healthy --out runs/session.pt`
    """
    from face.palsy.assessment.fitted import fitted_numbers
    from face.palsy.assessment.session_model import SessionInputSpec
    from model_training.configuration import load
    from model_training.palsy.sessions.calibrating import check_sessions, fit_session_numbers
    from model_training.palsy.sessions.config import SessionTrainingConfig
    from model_training.palsy.sessions.samples import session_samples
    from model_training.palsy.sessions.stored import session_checkpoint
    from model_training.palsy.sessions.training import train_sessions
    from model_training.training.checkpoint import save_checkpoint

    settings = SessionTrainingConfig() if config is None else load(SessionTrainingConfig, config)
    manifest = _palsy_bundle(models).manifest
    spec = SessionInputSpec(palsy_model_sha256=manifest.sha256, palsy_input=manifest.input.fingerprint)
    read = [session for path in tables for session in _read(path, models=models)]
    sessions = [session for session in read if "rest" in session.pictures]
    samples = session_samples(sessions)
    check_sessions(sessions)
    with progress_bar("steps") as bar:
        trained = train_sessions(samples, settings, progress=bar.at)
    numbers = fit_session_numbers(sessions, samples, trained, fitted_numbers())
    save_checkpoint(session_checkpoint(trained.network, numbers, spec, config=settings, samples=samples), out)
    for name, (network, steps) in numbers.errors.items():
        typer.echo(f"{name}: wrong by {network:.2f} grades where regions differ, {steps:.2f} by the steps without it")
    graded = f"grades with the pictures of {', '.join(numbers.grades_from)}" if numbers.grades_from else "measures only"
    typer.echo(f"the network {graded}; the steps without it grade the others")
    if not numbers.sdc95:
        typer.echo("too few palsies were seen on two visits: comparisons by this network will have no verdict")
    typer.echo(f"trained on {len(samples)} sessions of {len(set(samples.people))} people; wrote {out}")


def _read(table: Path, *, models: Path | None) -> list[ReadSession]:
    from model_training.palsy.evaluation.sessions.readings import read_sessions
    from service.inference.errors import BundleError
    from service.report.folder import picture_reader

    try:
        with picture_reader(_palsy_bundle(models)) as read, progress_bar(f"reading {table.name}") as bar:
            return read_sessions([table], read, progress=bar.at)
    except BundleError as error:
        raise UserError(str(error)) from error


def _palsy_bundle(models: Path | None) -> Bundle:
    """Raises BundleError."""
    bundles = _bundles(models)
    return next((bundle for bundle in bundles if bundle.manifest.task == "palsy"), bundles[0])


def _session_model(models: Path | None, palsy_bundle: Bundle) -> SessionModel | None:
    """None where there is no bundle of one. Raises BundleError."""
    from service.report.folder import session_model

    found = next((bundle for bundle in _bundles(models) if bundle.manifest.task == "palsy-session"), None)
    return None if found is None else session_model(found, palsy_bundle)


def _bundles(models: Path | None) -> list[Bundle]:
    from service.analysis.models import find_bundles
    from service.config import shipped_models_dir
    from service.inference.bundle import load_bundle

    return [load_bundle(folder) for folder in find_bundles(models or shipped_models_dir())]


palsy.command("train")(train_command("palsy"))
palsy.command("crossval")(crossval_command("palsy"))
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
palsy.command("train-visibility")(visibility.train_visibility_command)
palsy.command("judge-visibility")(visibility.judge_visibility_command)
palsy.command("demo")(inference.demo_command)
