"""The whole way of micro-expressions: rendered clips as CASME II, prepare, cache, train, judge, export, serve."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from model_training.errors import TrainingError
from model_training.microexpression.inference.demo import SMALL, describe, run_demo


def test_the_served_answer_is_predicts(tmp_path: Path) -> None:
    out, said = tmp_path / "demo", []
    summary = run_demo(out, size=SMALL, jobs=2, seed=0, say=said.append)
    assert (summary["asked"], summary["different"]) == (3, [])
    assert summary["clips"] > 40, "of 48 rendered clips hardly one is refused"
    assert list(summary["seconds"]) == [
        *("render", "prepare", "cache", "train", "evaluate", "loso", "visualize", "export", "serve")
    ]
    assert sum(line.startswith("$ htnet ") for line in said) == 7
    assert summary["loso_uf1"]["b"] > 0.7, "three movements on rendered faces are easily told apart"
    report = json.loads((out / "report/metrics.json").read_text())
    assert report["labels"] == ["negative", "positive", "surprise"]
    assert cv2.imread(str(out / "sheet.png")) is not None
    assert (out / "models/microexpression/manifest.json").is_file()
    assert "leave-one-subject-out" in describe(summary)[-1]
    with pytest.raises(TrainingError, match="exists already"):
        run_demo(out, size=SMALL, jobs=2, seed=0, say=said.append)
