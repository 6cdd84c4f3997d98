"""Checkpoints -> a bundle: what a checkpoint says it is decides which builder takes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from export.bundle.content import BundleContent
from export.bundle.metadata import Metadata
from export.bundle.writing import BundleReport, write_bundle
from export.checkpoints.microexpression import folded_ensemble, separate_members
from export.checkpoints.palsy import palsy, with_visibility
from export.checkpoints.palsy_session import palsy_session
from export.errors import ExportError
from export.graphs.networks import GraphNetwork
from model_training.errors import TrainingError
from model_training.training.checkpoint import FOLDED_ENSEMBLE, Checkpoint, load_checkpoint


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How one kind of checkpoint is exported. several: several of them make one bundle; smaller: whether int8 and
    float16 variants are worth having."""

    build: Callable[[Sequence[Checkpoint]], tuple[GraphNetwork, BundleContent]]
    several: bool = False
    smaller: bool = True


# By task and network, as the checkpoint names them.
KINDS: Mapping[tuple[str, str], Kind] = {
    ("palsy", "HTNetEnhanced"): Kind(build=palsy),
    ("palsy-session", "SessionNetwork"): Kind(build=palsy_session, smaller=False),
    ("microexpression", "HTNet"): Kind(build=separate_members, several=True),
    ("microexpression", FOLDED_ENSEMBLE): Kind(build=folded_ensemble, smaller=False),
}


def export_checkpoint(
    checkpoints: Sequence[Path],
    directory: Path,
    *,
    visibility: Path | None = None,
    metadata: Metadata | None = None,
    metrics_file: Path | None = None,
    card_file: Path | None = None,
    int8: bool | None = None,
    float16: bool = False,
    default_variant: Literal["float32", "int8"] | None = None,
) -> BundleReport:
    """One checkpoint -> one bundle; several micro-expression checkpoints become one ensemble.

    visibility: the file of a visibility head, for palsy. int8: by default where it is worth having. Raises ExportError,
    also for a variant that was asked for and that this kind of checkpoint does not have.
    """
    card = _read_text(card_file) if card_file is not None else None
    try:
        loaded = [load_checkpoint(path) for path in checkpoints]
        kind = _kind_of(loaded)
        _refuse_variants(loaded[0], kind, int8=int8, float16=float16, default_variant=default_variant)
        network, content = kind.build(loaded)
        if visibility is not None:
            network, content = with_visibility(network, content, visibility)
    except (TrainingError, ValueError) as error:
        raise ExportError(str(error)) from error
    content = replace(
        content,
        metadata=metadata or content.metadata,
        metrics=_read_json(metrics_file) if metrics_file is not None else content.metrics,
        card=card,
    )
    return write_bundle(
        network,
        content,
        directory,
        int8=kind.smaller if int8 is None else int8,
        float16=float16,
        default_variant=default_variant,
    )


def _kind_of(loaded: Sequence[Checkpoint]) -> Kind:
    if not loaded:
        raise ExportError("a bundle needs at least one checkpoint")
    first = loaded[0]
    kind = KINDS.get((first.task, first.network))
    if kind is None:
        known = ", ".join(f"{task} ({network})" for task, network in KINDS)
        raise ExportError(
            f"{first.path}: holds {first.network} for {first.task}, which the service cannot run; there are bundles "
            f"for {known}"
        )
    for other in loaded[1:]:
        if (other.task, other.network) != (first.task, first.network):
            raise ExportError(
                f"{other.path}: holds {other.network} for {other.task}, but {first.path} {first.network} for "
                f"{first.task}; give checkpoints of one kind"
            )
    if len(loaded) > 1 and not kind.several:
        raise ExportError(
            f"{loaded[1].path}: a bundle holds one {first.network} for {first.task}; give one --checkpoint, not "
            f"{len(loaded)}"
        )
    return kind


def _refuse_variants(
    checkpoint: Checkpoint, kind: Kind, *, int8: bool | None, float16: bool, default_variant: str | None
) -> None:
    asked = {"--int8": int8, "--float16": float16, "--default-variant int8": default_variant == "int8"}
    refused = [] if kind.smaller else [option for option, given in asked.items() if given]
    if refused:
        raise ExportError(
            f"{checkpoint.path}: {refused[0]} does not apply to this {checkpoint.network}: its networks are too small "
            "to gain by it, the bundle holds float32 only"
        )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ExportError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ExportError(f"{path}: is not UTF-8 text ({error})") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read_text(path))
    except ValueError as error:
        raise ExportError(f"{path}: is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ExportError(f"{path}: must hold a JSON object, found {type(value).__name__}")
    return value
