"""Which bundles answer for facial palsy: those that the service would serve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model_training.errors import UserError

if TYPE_CHECKING:
    from face.palsy.assessment.session_model import SessionModel
    from service.inference.bundle import Bundle

Models = Annotated[
    Path | None,
    typer.Option(
        envvar="HTNET_MODELS_DIR",
        help="Folder of bundles, or one bundle: what answers, as the service would. Without it, what `htnet serve` "
        "would serve.",
    ),
]


def palsy_bundle(models: Path | None) -> Bundle:
    """Raises UserError where there is none."""
    bundles = _bundles(models)
    found = next((bundle for bundle in bundles if bundle.manifest.task == "palsy"), None)
    if found is None:
        there = bundles[0]
        raise UserError(f"{there.directory}: a bundle for {there.manifest.task!r}; grading needs one for 'palsy'")
    return found


def session_model(models: Path | None, palsy: Bundle) -> SessionModel | None:
    """None where there is no bundle of one. Raises UserError where it was made for another palsy model."""
    from service.inference.errors import BundleError
    from service.report.folder import session_model

    found = next((bundle for bundle in _bundles(models) if bundle.manifest.task == "palsy-session"), None)
    try:
        return None if found is None else session_model(found, palsy)
    except BundleError as error:
        raise UserError(str(error)) from error


def _bundles(models: Path | None) -> list[Bundle]:
    from service.analysis.models import find_bundles
    from service.config import shipped_models_dir
    from service.inference.bundle import load_bundle
    from service.inference.errors import BundleError

    try:
        return [load_bundle(folder) for folder in find_bundles(models or shipped_models_dir())]
    except BundleError as error:
        raise UserError(str(error)) from error
