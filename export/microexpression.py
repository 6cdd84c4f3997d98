"""A checkpoint of `train-microexpression` or `finetune-microexpression` -> a bundle: the ensemble and the flip
average in one graph.

python -m export.microexpression --checkpoint FILE --out models/microexpression --metrics FILE --card FILE
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from export.bundle import BundleContent, BundleReport, write_bundle
from export.errors import ExportError
from export.metadata import Metadata
from export.networks import EmotionGraph
from model_training.errors import TrainingError
from model_training.htnet import HTNet
from model_training.microexpression.folded_htnet import fold_state_dict, htnet_arguments
from model_training.microexpression.folded_training import TrainingConfig
from model_training.microexpression.inputs import standardise
from model_training.microexpression.train_reference import load_reference

NAME = "htnet-flow-ensemble"
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


def export_reference(
    checkpoint: Path, directory: Path, *, metrics: dict[str, Any], card: str | None, version: str = "0.1.0"
) -> BundleReport:
    """Raises ExportError for a checkpoint that the service could not run."""
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
        metadata=Metadata(
            name=NAME,
            version=version,
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
    )
    return write_bundle(
        EmotionGraph(members, flip=training.flip, scale=SCALES[training.input]),
        content,
        directory,
        outputs=("emotion_logits",),
        int8=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--metrics", type=Path, required=True, help="JSON object for metrics.json")
    parser.add_argument("--card", type=Path, help="Markdown for MODEL_CARD.md")
    parser.add_argument("--version", default="0.1.0")
    arguments = parser.parse_args()
    card = arguments.card.read_text(encoding="utf-8") if arguments.card else None
    metrics = json.loads(arguments.metrics.read_text(encoding="utf-8"))
    report = export_reference(
        arguments.checkpoint, arguments.out, metrics=metrics, card=card, version=arguments.version
    )
    print(f"{report.directory}: {report.bytes}, parity {report.parity.max_difference}")


if __name__ == "__main__":
    main()
