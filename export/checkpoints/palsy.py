"""A palsy checkpoint -> its graph and what its bundle says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from export.bundle.content import VISIBILITY_FILE, BundleContent
from export.checkpoints.bundle_content import bundle_content
from export.errors import ExportError
from export.graphs.networks import GraphNetwork, PalsyGraph
from model_training.networks.build import restore
from model_training.networks.htnet_enhanced import HTNetEnhanced
from model_training.palsy.visibility.training import load_visibility
from model_training.training.checkpoint import Checkpoint


def palsy(checkpoints: Sequence[Checkpoint]) -> tuple[GraphNetwork, BundleContent]:
    """One checkpoint of an HTNetEnhanced. Raises TrainingError where its weights do not fit its configuration."""
    (checkpoint,) = checkpoints
    network = restore(checkpoint.config["model"], checkpoint.state_dict, source=str(checkpoint.path))
    if not isinstance(network, HTNetEnhanced):
        raise ExportError(
            f"{checkpoint.path}: says that it holds {checkpoint.network}, its configuration builds "
            f"{type(network).__name__}"
        )
    content = bundle_content(
        checkpoints,
        task="palsy",
        labels="grades",
        calibration=("grade_temperature", "side_temperature", "conformal_threshold", "coverage"),
        thresholds=dict(checkpoint.calibration.get("thresholds", {})),
    )
    return PalsyGraph(network), content


def with_visibility(network: GraphNetwork, content: BundleContent, file: Path) -> tuple[GraphNetwork, BundleContent]:
    """The same with the visibility head that `file` holds. Raises ExportError for another task's graph, TrainingError
    for another file."""
    if not isinstance(network, PalsyGraph):
        raise ExportError(f"--visibility {file}: a visibility head belongs to a palsy model, this is {content.task}")
    seeing = PalsyGraph(network.network, load_visibility(file))
    return seeing, replace(content, weights={**content.weights, VISIBILITY_FILE: file})
