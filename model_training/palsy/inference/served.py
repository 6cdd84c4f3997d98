"""The service's answers to photographs, and what differs between them and `predict`'s."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from model_training.runtime.served_models import post_files

# Largest difference between served and predicted probabilities: two runtimes add float32 numbers in another order.
TOLERANCE = 2e-3


def ask(url: str, path: Path) -> dict[str, Any]:
    """The service's answer for a photograph, or {"code": ...} of its problem document."""
    return post_files(f"{url}/v1/palsy/grade?heatmap=false", {"image": path})


def compare(predictions: Path, answers: list[dict[str, Any]]) -> list[str]:
    """What differs between predict's rows and the service's answers, as sentences; empty when nothing does."""
    with predictions.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    if len(rows) != len(answers):
        return [f"{len(rows)} predictions, {len(answers)} served answers"]
    different = []
    for row, answer in zip(rows, answers, strict=True):
        name = Path(row["path"]).name
        if "code" in answer or row["code"]:
            if row["code"] != answer.get("code", ""):
                different.append(
                    f"{name}: refused as {answer.get('code', 'not at all')!r} by the service, {row['code']!r} by "
                    "predict"
                )
            continue
        pairs = [
            ("index", int(row["index"]), answer["grade"]["index"]),
            ("side", row["side"], answer["affected_side"]["side"]),
            ("prediction set", row["prediction_set"].split(), list(answer["grade"]["prediction_set"])),
            ("warnings", _words(row["warnings"]), _words("; ".join(answer["quality"]["warnings"]))),
        ]
        # A tie within the rounding of the two runtimes may fall to either side.
        clear = _margin(row) > TOLERANCE
        different += [
            f"{name}: {what} {ours!r} predicted, {theirs!r} served"
            for what, ours, theirs in pairs
            if ours != theirs and clear
        ]
        numbers = {
            **{f"P({label})": (row[f"probability_{label}"], p) for label, p in answer["probabilities"].items()},
            **{
                f"asymmetry of the {region}": (row[f"asymmetry_{region}"], value)
                for region, value in answer["asymmetry"]["regions"].items()
            },
        }
        different += [
            f"{name}: {what} {float(ours):.4f} predicted, {theirs:.4f} served"
            for what, (ours, theirs) in numbers.items()
            if abs(float(ours) - theirs) > TOLERANCE
        ]
        if abs(float(row["expected"]) - answer["grade"]["expected"]) > 10 * TOLERANCE:
            different.append(
                f"{name}: expected grade {row['expected']} predicted, {answer['grade']['expected']} served"
            )
    return different


def _words(warnings: str) -> str:
    """Without the figures, whose last digit may differ between two runtimes."""
    return "".join(letter for letter in warnings if not letter.isdigit())


def _margin(row: dict[str, str]) -> float:
    """How far the two best grades, and the two best sides, are apart."""
    gaps = []
    for prefix in ("probability_", "side_probability_"):
        values = sorted((float(value) for key, value in row.items() if key.startswith(prefix) and value), reverse=True)
        gaps.append(values[0] - values[1])
    return min(gaps)
