"""Movements of known kind and size through the endpoint with the shipped bundle: two renderings of a simulated person,
and one photograph moved by a known field. HTNET_WRITE_FIGURES=1 keeps the counts in docs/research/microexpression/."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from face.microexpression.spec import MicroExpressionSpec
from model_training.microexpression.simulation.face_motion import MotionStudio
from model_training.microexpression.simulation.rendered_pairs import rendered_pairs
from tests.face.microexpression.test_input import BROW_RAISE, SMILE, warped
from tests.service.api.test_classify import post, running  # noqa: F401 - the running service is a fixture

pytestmark = pytest.mark.slow
FIGURES = Path(__file__).parents[3] / "docs" / "research" / "microexpression" / "known_movements.json"
EMOTIONS = ("negative", "positive", "surprise")
# Inner brows down and together.
BROW_FURROW = [(107, 0.5, 0.9, 0.20, 0.11), (336, -0.5, 0.9, 0.20, 0.11)]
WARPS = {"smile": (SMILE, "positive"), "brow_raise": (BROW_RAISE, "surprise"), "brow_furrow": (BROW_FURROW, "negative")}
Counts = dict[str, dict[str, list[int]]]


def keep(kind: str, counts: Counts) -> float:
    """Counts {movement: {percent: [right, all]}} into the figures; the share that is right."""
    right, every = np.sum([cell for row in counts.values() for cell in row.values()], axis=0)
    print(kind, right, "of", every, {name: dict(row) for name, row in counts.items()})
    if os.environ.get("HTNET_WRITE_FIGURES") == "1":
        FIGURES.parent.mkdir(exist_ok=True)
        stored = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
        stored[kind] = {"right": int(right), "pairs": int(every), "right_of_pairs_by_percent": counts}
        FIGURES.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    return float(right / every)


def empty() -> Counts:
    return defaultdict(lambda: defaultdict(lambda: [0, 0]))


def test_rendered_movements_are_named(running):  # noqa: F811
    counts = empty()
    studio = MotionStudio(MicroExpressionSpec())
    try:
        for pair in rendered_pairs(studio, people=12, seed=4242):
            answer = post(running, pair.onset, pair.apex, heatmap=False)
            cell = counts[pair.movement][f"{pair.percent:g}"]
            cell[0] += answer.status_code == 200 and answer.json()["emotion"]["label"] == EMOTIONS[pair.label]
            cell[1] += 1
    finally:
        studio.close()
    assert keep("rendered", counts) >= 0.9


def test_movements_of_a_photograph_are_named(running, photo, astronaut_face):  # noqa: F811
    counts = empty()
    for name, (movement, emotion) in WARPS.items():
        for percent in (2, 3, 4, 5):
            answer = post(running, photo, warped(photo, astronaut_face, movement, percent), heatmap=False)
            cell = counts[name][f"{percent:g}"]
            cell[0] += answer.status_code == 200 and answer.json()["emotion"]["label"] == emotion
            cell[1] += 1
    assert keep("warped_photograph", counts) >= 0.9
