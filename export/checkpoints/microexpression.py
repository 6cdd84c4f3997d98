"""Micro-expression checkpoints -> one graph, ensemble and flip average inside, and what its bundle says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from export.bundle.content import BundleContent
from export.bundle.metadata import Metadata
from export.checkpoints.bundle_content import bundle_content
from export.errors import ExportError
from export.graphs.networks import EmotionGraph, GraphNetwork
from model_training.configuration import build
from model_training.microexpression.folded.inputs import standardise, tile_boxes
from model_training.microexpression.folded.training import TrainingConfig
from model_training.microexpression.stored_networks import folded_members, plain_htnet
from model_training.training.checkpoint import Checkpoint

FOLDED_NAME, FOLDED_VERSION = "htnet-flow-ensemble", "0.2.2"
# What the graph does to the uint8 flow image before the members see it; without an entry it has no graph.
SCALES: dict[str, Callable[[Tensor], Tensor] | None] = {"whole": None, "standardised": standardise}
# The same for single networks, which scale bytes themselves.
MEMBER_INPUTS: dict[str, Callable[[Tensor], Tensor] | None] = {"whole": None, "published_boxes": tile_boxes}
# By what an ensemble was trained on: its licence, and what the manifest says of the data.
LICENCES = {
    "simulation": "Apache-2.0",
    "fine-tuned": "research-only: follows from the agreements of the data sets it was trained on",
}
DESCRIPTIONS = {
    "simulation": "Simulated faces only (CC0 head model, flow between warped renders); no picture of a person.",
    "fine-tuned": "Simulated faces, then real clips of licensed research data sets.",
}
FOLDED_THRESHOLDS = {"heatmap_full_scale": 5.0}


def separate_members(checkpoints: Sequence[Checkpoint]) -> tuple[GraphNetwork, BundleContent]:
    """Checkpoints of single HTNets -> their ensemble."""
    first = checkpoints[0]
    for other in checkpoints[1:]:
        if other.labels != first.labels:
            raise ExportError(f"{other.path}: its labels differ from those of {first.path}; an ensemble shares them")
        if other.preprocessing["fingerprint"] != first.preprocessing["fingerprint"]:
            raise ExportError(f"{other.path}: was trained on another preprocessing than {first.path}")
    members = [plain_htnet(checkpoint) for checkpoint in checkpoints]
    thresholds = dict(first.calibration.get("thresholds", {}))
    kind = first.config.get("input", "whole")
    if kind not in MEMBER_INPUTS:
        raise ExportError(f"{first.path}: input {kind!r}; known are {', '.join(MEMBER_INPUTS)}")
    graph = EmotionGraph(members, flip=first.config.get("flip", True), scale=MEMBER_INPUTS[kind])
    return graph, _content(checkpoints, thresholds=thresholds)


def folded_ensemble(checkpoints: Sequence[Checkpoint]) -> tuple[GraphNetwork, BundleContent]:
    """One checkpoint of `htnet microexpression reference` or `finetune`, which holds all members."""
    (checkpoint,) = checkpoints
    training = build(TrainingConfig, checkpoint.config, source=str(checkpoint.path))
    if training.input not in SCALES:
        raise ExportError(
            f"{checkpoint.path}: trained on input {training.input!r}; the service gives the whole flow image"
        )
    kind = checkpoint.training_data.get("kind")
    if kind not in LICENCES:
        raise ExportError(f"{checkpoint.path}: trained on {kind!r}; known are {', '.join(LICENCES)}")
    members = folded_members(checkpoint)
    metadata = Metadata(
        name=FOLDED_NAME,
        version=FOLDED_VERSION,
        description=f"Ensemble of {len(members)} small HTNets on flow from onset to apex (28x28: u, v, strain).",
        training_data=DESCRIPTIONS[kind],
        licence=LICENCES[kind],
    )
    content = _content(checkpoints, thresholds=FOLDED_THRESHOLDS, metadata=metadata)
    return EmotionGraph(members, flip=training.flip, scale=SCALES[training.input]), content


def _content(
    checkpoints: Sequence[Checkpoint], *, thresholds: Mapping[str, Any], metadata: Metadata | None = None
) -> BundleContent:
    return bundle_content(
        checkpoints,
        task="microexpression",
        labels="emotions",
        calibration=("temperature",),
        thresholds=thresholds,
        metadata=metadata,
    )
