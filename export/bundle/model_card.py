"""MODEL_CARD.md for a bundle whose author wrote none: what the manifest and the metrics say, in sentences and
tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from export.bundle.metadata import Metadata


def model_card(*, task: str, metadata: Metadata, labels: tuple[str, ...], metrics: Mapping[str, Any]) -> str:
    """Markdown."""
    rows = list(_figures(metrics))
    lines = [
        f"# {metadata.name} {metadata.version}",
        "",
        metadata.description,
        "",
        f"- Task: {task}. Labels, in order: {', '.join(labels)}.",
        f"- Intended use: {metadata.intended_use}",
        f"- Training data: {metadata.training_data}",
        f"- Licence: {metadata.licence}",
        "",
        "## Figures",
        "",
        "| figure | value |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows),
        "",
        "All figures are in `metrics.json`.",
        "",
        "## Limitations",
        "",
        *(f"- {sentence}" for sentence in metadata.limitations or ("None were written down by the author.",)),
        "",
    ]
    return "\n".join(lines)


def _figures(metrics: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            rows += _figures(value, f"{prefix}{name} / ")
        elif isinstance(value, bool | int | str):
            rows.append((f"{prefix}{name}", str(value)))
        elif isinstance(value, float):
            rows.append((f"{prefix}{name}", f"{value:.4g}"))
    return rows[:60]
