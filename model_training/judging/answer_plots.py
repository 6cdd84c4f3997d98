"""The plots and the table that every report has, whatever is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from model_training.judging.learning_curves import draw_learning_curves
from model_training.judging.meanings import CONFUSION, LEARNING_CURVES, RECALL, RELIABILITY
from model_training.judging.page import Plot, Table, as_png, confusion_figure, reliability_figure


def answer_plots(metrics: Mapping[str, Any]) -> list[Plot]:
    """Confusion and reliability of a metrics.json with `labels`, `confusion_matrix` and `reliability` {bins, ece}."""
    reliability = metrics["reliability"]
    points = [(item["confidence"], item["accuracy"], item["count"]) for item in reliability["bins"]]
    return [
        Plot("confusion matrix", CONFUSION, as_png(confusion_figure(metrics["labels"], metrics["confusion_matrix"]))),
        Plot("reliability", RELIABILITY, as_png(reliability_figure(points, ece=reliability["ece"]))),
    ]


def learning_plots(epochs: Sequence[Mapping[str, Any]], *, score: str) -> list[Plot]:
    """The learning curves; none where the epochs are not known."""
    if not epochs:
        return []
    curves = draw_learning_curves([dict(line) for line in epochs], score=score)
    return [Plot("learning curves", LEARNING_CURVES, as_png(curves))]


def recall_table(metrics: Mapping[str, Any]) -> Table:
    labels, recall = metrics["labels"], metrics["recall"]
    cells = ["–" if recall[label] is None else f"{recall[label]:.2f}" for label in labels]
    return Table("Recall by class", RECALL, labels, [cells])
