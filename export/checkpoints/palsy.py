"""A palsy checkpoint -> its graph and what its bundle says."""

from __future__ import annotations

from collections.abc import Sequence

from export.bundle.content import BundleContent
from export.checkpoints.bundle_content import bundle_content
from export.errors import ExportError
from export.graphs.networks import GraphNetwork, PalsyGraph
from model_training.networks.build import restore
from model_training.networks.htnet_enhanced import HTNetEnhanced
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
