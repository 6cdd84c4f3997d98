"""A checkpoint's calibration fitted anew on other people."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from model_training.cli import build_app
from model_training.errors import TrainingError
from model_training.palsy.evaluation.evaluate import evaluate
from model_training.palsy.evaluation.recalibrate import recalibrate
from model_training.tasks import make_task
from model_training.training.checkpoint import load_checkpoint, save_checkpoint
from model_training.training.train import train
from tests.model_training.caches import write_cache
from tests.model_training.training.tiny_runs import config, quiet


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cache(tmp_path_factory.mktemp("clinic"), people=30, seed=5)


@pytest.fixture(scope="module")
def unsure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained checkpoint whose probabilities have been spoilt: far too even, and sets that hold everything."""
    folder = tmp_path_factory.mktemp("run")
    cache = write_cache(folder / "cache")
    best = train(make_task(config(cache, folder / "out", optimisation={"epochs": 4, "ema_decay": 0.5})), say=quiet).best
    loaded = load_checkpoint(best)
    spoilt = {**loaded.calibration, "grade_temperature": 5.0, "conformal_threshold": 0.99}
    save_checkpoint(replace(loaded, calibration=spoilt), folder / "unsure.pt")
    return folder / "unsure.pt"


def test_the_probabilities_become_honest_and_the_network_stays(unsure: Path, clinic: Path, tmp_path: Path) -> None:
    out = tmp_path / "clinic.pt"
    told = CliRunner().invoke(
        build_app(),
        ["calibrate", "--checkpoint", str(unsure), "--cache", str(clinic), "--split", "all", "--out", str(out)],
    )
    assert told.exit_code == 0, told.output
    assert "calibrated on 120 images of 30 people" in told.output
    old, new = load_checkpoint(unsure), load_checkpoint(out)
    assert new.calibration["grade_temperature"] < 2.5
    assert new.calibration["thresholds"].keys() == old.calibration["thresholds"].keys()
    assert all(torch.equal(value, new.state_dict[name]) for name, value in old.state_dict.items())
    assert new.metrics["calibration"]["people"] == 30

    fresh = write_cache(tmp_path / "fresh", people=30, seed=6)
    figures = {}
    for path in (unsure, out):
        evaluate(path, fresh, tmp_path / path.stem, split="all")
        figures[path] = json.loads((tmp_path / path.stem / "metrics.json").read_text())["all"]["figures"]
    assert figures[out]["set_size"] < figures[unsure]["set_size"]
    assert abs(figures[out]["coverage"] - 0.9) < abs(figures[unsure]["coverage"] - 0.9)


def test_the_figures_it_tells_come_from_people_who_did_not_calibrate(
    unsure: Path, clinic: Path, tmp_path: Path
) -> None:
    result = recalibrate(unsure, clinic, tmp_path / "out.pt", split="all")
    evaluate(tmp_path / "out.pt", clinic, tmp_path / "same", split="all")
    on_the_same = json.loads((tmp_path / "same" / "metrics.json").read_text())["all"]["figures"]
    assert result.after["ece"] != on_the_same["ece"]
    assert result.after["coverage"] == pytest.approx(0.9, abs=0.08)
    assert result.before["coverage"] > 0.97
    assert result.before["set_size"] > result.after["set_size"]


def test_too_few_photographs_are_refused_and_nothing_is_written(unsure: Path, tmp_path: Path) -> None:
    few = write_cache(tmp_path / "few", people=3)
    with pytest.raises(TrainingError, match=r"12 images of 3 people .* at least 30 images"):
        recalibrate(unsure, few, tmp_path / "out.pt", split="all")
    assert not (tmp_path / "out.pt").exists()
