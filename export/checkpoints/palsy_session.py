"""The network of examinations -> its graph, and what its bundle says."""

from __future__ import annotations

from collections.abc import Sequence

from export.bundle.content import CHECKPOINT_FILE, BundleContent
from export.bundle.metadata import Metadata
from export.graphs.networks import GraphNetwork, SessionGraph
from model_training.palsy.sessions.stored import stored_network
from model_training.training.checkpoint import Checkpoint

NAME, VERSION = "htnet-palsy-session", "0.1.0"


def palsy_session(checkpoints: Sequence[Checkpoint]) -> tuple[GraphNetwork, BundleContent]:
    """One checkpoint of `htnet palsy train-session`."""
    (checkpoint,) = checkpoints
    numbers, data = checkpoint.calibration, checkpoint.training_data
    metadata = Metadata(
        name=NAME,
        version=VERSION,
        description="Movements of both halves in millimetres of the truth, severities of the four regions and the side "
        "from the pictures of one examination, beside the palsy model whose readings it takes.",
        training_data=f"{data['sessions']} simulated examinations of {data['people']} simulated people (CC0 head "
        "model); no picture of a person.",
        licence="Apache-2.0",
    )
    return SessionGraph(stored_network(checkpoint)), BundleContent(
        task="palsy-session",
        metadata=metadata,
        labels={"grades": list(checkpoint.labels)},
        calibration={"classes": numbers["calibration"], "coverage": numbers["coverage"]},
        preprocessing=checkpoint.preprocessing,
        metrics=checkpoint.metrics,
        thresholds={name: numbers[name] for name in ("grades_from", "measure_u", "sdc95")},
        weights={CHECKPOINT_FILE: checkpoint.path} if checkpoint.path is not None else {},
    )
