"""The epochs of a run as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

EPOCHS = "epochs.jsonl"


def epochs_beside(checkpoint: Path) -> list[dict[str, Any]]:
    """What the run that wrote this checkpoint logged of its epochs; empty where its log is not beside it."""
    path = checkpoint.parent / EPOCHS
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def draw_learning_curves(epochs: list[dict[str, Any]], *, score: str) -> Figure:
    """epochs: as `epochs_beside`, not empty; score: the figure of the validation people that is shown."""
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    numbers = [line["epoch"] for line in epochs]
    losses.plot(numbers, [line["loss"] for line in epochs], marker=".")
    losses.set_ylabel("training loss")
    scores.plot(numbers, [line[score] for line in epochs], marker=".")
    best = max(epochs, key=lambda line: line["score"])
    scores.plot(best["epoch"], best[score], "o", color="tab:orange")
    scores.set_ylabel(f"{score}, validation people")
    for axes in (losses, scores):
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
    return figure
