"""A confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def draw_confusion(axes: Any, counts: list[list[int]], names: Sequence[str]) -> None:
    """Counts, coloured by their share of the true class, onto matplotlib axes."""
    table = np.array(counts)
    axes.imshow(table / np.maximum(table.sum(1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*table.shape):
        share = table[row, column] / max(table[row].sum(), 1)
        axes.text(
            column, row, table[row, column], ha="center", va="center", fontsize=9,
            color="white" if share > 0.6 else "black",
        )  # fmt: skip
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylabel("true")
