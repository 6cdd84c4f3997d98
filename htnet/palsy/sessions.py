"""`judge-sessions`, `fit-sessions` and `train-session`: whole examinations whose truth is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import face
from htnet.palsy.bundles import Models, palsy_bundle, session_model
from model_training.command_options import progress_bar
from model_training.errors import Interrupted, UserError

if TYPE_CHECKING:
    from model_training.palsy.evaluation.sessions.readings import ReadSession
    from service.inference.bundle import Bundle

KeptReadings = Annotated[
    Path | None,
    typer.Option(
        "--readings",
        help="Folder for what the model reads of the photographs, in `readings` beside each table otherwise: a stopped "
        "command goes on with it, and another one of the same tables and model takes it.",
    ),
]


def judge_sessions_command(
    tables: Annotated[list[Path], typer.Argument(help="Tables of sessions, as `htnet simulate sessions` writes them.")],
    out: Annotated[Path, typer.Option(help="JSON file for the figures, by table.")],
    models: Models = None,
    network: Annotated[
        bool, typer.Option(help="With the network of examinations, where there is a bundle of one; or step by step.")
    ] = True,
    kept: KeptReadings = None,
) -> None:
    """Judge examinations by the shipped model on sessions whose truth is known, with intervals by person.

    Example: `htnet palsy judge-sessions runs/sessions --out runs/sessions.json`
    """
    from face.palsy.assessment.session_model import numbers_for
    from face.whole_file import write_text
    from model_training.palsy.evaluation.sessions.figures import judge_sessions

    bundle = palsy_bundle(models)
    model = session_model(models, bundle) if network else None
    numbers = numbers_for(model)
    figures = {}
    for path, sessions in _read(tables, bundle, kept):
        found = figures[str(path)] = judge_sessions(sessions, numbers, model=model)
        grade = found["all"]["figures"]
        typer.echo(
            f"{path}: {found['sessions']} sessions of {found['people']} people: kappa {grade['kappa']:.3f}, "
            f"exact {grade['exact']:.3f}, within one {grade['within_one']:.3f}"
        )
    write_text(json.dumps(figures, indent=1) + "\n", out)
    typer.echo(f"wrote {out}")


def fit_sessions_command(
    tables: Annotated[list[Path], typer.Argument(help="Tables of sessions that nothing is judged on.")],
    out: Annotated[Path, typer.Option(help="JSON file; face/palsy/assessment/fitted.json is the one that is used.")],
    models: Models = None,
    kept: KeptReadings = None,
) -> None:
    """Fit the numbers of an examination: temperatures, limits of sets, errors of measures, smallest changes.

    Example: `htnet palsy fit-sessions runs/fit-alike runs/fit-differ --out runs/fitted.json`
    """
    from face.whole_file import write_text
    from model_training.palsy.evaluation.sessions.fit import fit_numbers

    sessions = [session for _, several in _read(tables, palsy_bundle(models), kept) for session in several]
    write_text(json.dumps(fit_numbers(sessions), indent=1) + "\n", out)
    typer.echo(f"fitted on {len(sessions)} sessions; wrote {out}")


def train_session_command(
    tables: Annotated[list[Path], typer.Argument(help="Tables of simulated sessions that nothing is judged on.")],
    out: Annotated[Path, typer.Option(help="The file to write, e.g. runs/session.pt; `htnet export` makes a bundle.")],
    models: Annotated[
        Path | None,
        typer.Option(envvar="HTNET_MODELS_DIR", help="The palsy model whose readings it takes; shipped otherwise."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML with what is not to be as usual: epochs, seed, ...")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training that was begun for --out.")] = False,
    kept: KeptReadings = None,
) -> None:
    """Train the network of whole examinations: movements in millimetres of the truth, severities of the regions.
    Ctrl-C saves, `--resume` goes on exactly there.

    Example: `htnet palsy train-session runs/fit-alike runs/fit-differ runs/fit-healthy --out runs/session.pt`
    """
    from face.palsy.assessment.session_model import SessionInputSpec
    from model_training.configuration import load
    from model_training.data.sample_table import find_table
    from model_training.palsy.sessions.config import SessionTrainingConfig
    from model_training.training.run_files import begin_training, file_digest, training_folder

    settings = SessionTrainingConfig() if config is None else load(SessionTrainingConfig, config)
    bundle = palsy_bundle(models)
    spec = SessionInputSpec(palsy_model_sha256=bundle.manifest.sha256, palsy_input=bundle.manifest.input.fingerprint)
    plan = {
        **settings.to_dict(),
        "tables": [file_digest(find_table(table)) for table in tables],
        "palsy model": spec.fingerprint(),
    }
    # Before torch is loaded and photographs are read: mistakes answer at once.
    folder = training_folder(out, plan, resume=resume, say=typer.echo)
    read = [session for _, several in _read(tables, bundle, kept) for session in several]

    from face.palsy.assessment.fitted import fitted_numbers
    from model_training.palsy.sessions.calibrating import check_sessions, fit_session_numbers
    from model_training.palsy.sessions.samples import session_samples
    from model_training.palsy.sessions.stored import session_checkpoint
    from model_training.palsy.sessions.training import train_sessions
    from model_training.palsy.trained_parts import TrainedParts
    from model_training.training.checkpoint import save_checkpoint

    sessions = [session for session in read if "rest" in session.pictures]
    samples = session_samples(sessions)
    check_sessions(sessions)
    begin_training(folder, plan)
    parts = TrainedParts(folder)
    try:
        with progress_bar("steps") as bar:
            trained = train_sessions(samples, settings, parts, progress=bar.at)
        with progress_bar("examinations for the calibration") as bar:
            numbers = fit_session_numbers(sessions, samples, trained, fitted_numbers(), progress=bar.at)
    except KeyboardInterrupt:
        raise Interrupted(f"Stopped. {parts.how_to_go_on()}") from None
    save_checkpoint(session_checkpoint(trained.network, numbers, spec, config=settings, samples=samples), out)
    for name, (network, steps) in numbers.errors.items():
        typer.echo(f"{name}: wrong by {network:.2f} grades where regions differ, {steps:.2f} by the steps without it")
    graded = f"grades with the pictures of {', '.join(numbers.grades_from)}" if numbers.grades_from else "measures only"
    typer.echo(f"the network {graded}; the steps without it grade the others")
    if not numbers.sdc95:
        typer.echo("too few palsies were seen on two visits: comparisons by this network will have no verdict")
    typer.echo(f"trained on {len(samples)} sessions of {len(set(samples.people))} people; wrote {out}")


def _read(tables: list[Path], bundle: Bundle, kept: Path | None) -> Iterator[tuple[Path, list[ReadSession]]]:
    from model_training.palsy.evaluation.sessions.kept_readings import Readings
    from model_training.palsy.evaluation.sessions.readings import read_sessions
    from model_training.training.run_files import file_digest
    from service.inference.bundle import MANIFEST_FILE
    from service.inference.errors import BundleError
    from service.report.folder import picture_reader

    made_by = {
        "model": bundle.manifest.sha256,
        "manifest": file_digest(bundle.directory / MANIFEST_FILE),
        "face": _digest_of_face(),
    }
    try:
        with picture_reader(bundle) as read:
            readings = Readings(read, made_by, folder=kept)
            for path in tables:
                with progress_bar(f"reading {path.name}") as bar:
                    sessions = read_sessions(path, readings, progress=bar.at)
                yield path, sessions
    except BundleError as error:
        raise UserError(str(error)) from error


def _digest_of_face() -> str:
    """SHA-256 of the code that reads photographs: a change to it may read them otherwise."""
    digest = hashlib.sha256()
    for path in sorted(Path(face.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
