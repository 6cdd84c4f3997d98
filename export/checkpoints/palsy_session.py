"""The network of examinations -> its graph, and what its bundle says."""

from __future__ import annotations

from collections.abc import Sequence

from export.bundle.content import CHECKPOINT_FILE, BundleContent
from export.checkpoints.bundle_content import plain_metadata
from export.graphs.networks import GraphNetwork, SessionGraph
from model_training.palsy.sessions.stored import stored_network
from model_training.training.checkpoint import Checkpoint


def palsy_session(checkpoints: Sequence[Checkpoint]) -> tuple[GraphNetwork, BundleContent]:
    """One checkpoint of `htnet palsy train-session`."""
    (checkpoint,) = checkpoints
    numbers = checkpoint.calibration
    return SessionGraph(stored_network(checkpoint)), BundleContent(
        task="palsy-session",
        metadata=plain_metadata(checkpoint),
        labels={"grades": list(checkpoint.labels)},
        calibration={"classes": numbers["calibration"], "coverage": numbers["coverage"]},
        preprocessing=checkpoint.preprocessing,
        metrics=checkpoint.metrics,
        thresholds={name: numbers[name] for name in ("grades_from", "measure_u", "sdc95")},
        weights={CHECKPOINT_FILE: checkpoint.path} if checkpoint.path is not None else {},
    )
