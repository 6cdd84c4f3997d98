"""A checkpoint of `train-microexpression` or `finetune-microexpression` -> a bundle: the ensemble and the flip
average in one graph. `python -m export` comes here when it is given such a checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from export.bundle import BundleContent, BundleReport, write_bundle
from export.errors import ExportError
from export.metadata import Metadata
from export.networks import EmotionGraph
from model_training.errors import TrainingError
from model_training.microexpression.folded.inputs import standardise
from model_training.microexpression.folded.network import fold_state_dict, htnet_arguments
from model_training.microexpression.folded.reference import load_reference
from model_training.microexpression.folded.training import TrainingConfig
from model_training.networks.htnet import HTNet

NAME, VERSION = "htnet-flow-ensemble", "0.2.0"
# What the graph does to the uint8 flow image before the members see it; without an entry it has no graph.
SCALES: dict[str, Callable[[Tensor], Tensor] | None] = {"whole": None, "standardised": standardise}
LICENCES = {
    "simulation": "Apache-2.0",
    "fine-tuned": "research-only: follows from the agreements of the data sets it was trained on",
}
DESCRIPTIONS = {
    "simulation": "Simulated faces only (CC0 head model, flow between warped renders); no picture of a person.",
    "fine-tuned": "Simulated faces, then real clips of licensed research data sets.",
}


def is_reference(checkpoint: Path) -> bool:
    """Whether the file is such a checkpoint: its weights have a leading member axis."""
    try:
        return "embed.w" in load_reference(checkpoint)["state_dict"]
    except TrainingError:
        return False


def export_reference(
    checkpoint: Path,
    directory: Path,
    *,
    metrics: dict[str, Any],
    card: str | None,
    metadata: Metadata | None = None,
) -> BundleReport:
    """Raises ExportError for a checkpoint that the service could not run. An 8-bit variant would gain nothing: the
    networks are small."""
    try:
        stored = load_reference(checkpoint)
        training = TrainingConfig.from_dict(stored["config"])
    except (TrainingError, ValueError) as error:
        raise ExportError(str(error)) from error
    if training.input not in SCALES:
        raise ExportError(f"{checkpoint}: trained on input {training.input!r}; the service gives the whole flow image")
    members = []
    for index in range(len(stored["state_dict"]["embed.w"])):
        member = HTNet(**htnet_arguments(training.model))
        member.load_state_dict(fold_state_dict(training.model, stored["state_dict"], index))
        members.append(member.eval())
    kind = stored["training_data"]["kind"]
    content = BundleContent(
        task="microexpression",
        metadata=metadata
        or Metadata(
            name=NAME,
            version=VERSION,
            description=f"Ensemble of {len(members)} small HTNets on flow from onset to apex (28x28: u, v, strain).",
            training_data=DESCRIPTIONS[kind],
            licence=LICENCES[kind],
        ),
        labels={"emotions": ["negative", "positive", "surprise"]},
        calibration={"temperature": float(stored["calibration"]["temperature"])},
        preprocessing=stored["preprocessing"],
        metrics=metrics,
        thresholds={"heatmap_full_scale": 5.0},
        card=card,
        checkpoint=checkpoint,
    )
    return write_bundle(
        EmotionGraph(members, flip=training.flip, scale=SCALES[training.input]),
        content,
        directory,
        outputs=("emotion_logits",),
        int8=False,
    )
