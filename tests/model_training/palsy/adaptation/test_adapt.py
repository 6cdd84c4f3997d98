"""A model adapted to a clinic: kept where it is shown to help, and the truth told where not."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from htnet.commands import app
from htnet.palsy.adapting import write_bundle
from model_training.errors import TrainingError
from model_training.palsy.adaptation.adapt import AS_IT_IS, CALIBRATED, FINE_TUNED, adapt
from model_training.palsy.adaptation.heads import HEADS, AdaptableModel, answers_of, look_at
from model_training.palsy.adaptation.verdict import ranked_probability_score
from model_training.palsy.evaluation.evaluate import answer, evaluate, select
from model_training.training.checkpoint import load_checkpoint
from service.inference.bundle import load_bundle
from tests.model_training.palsy.adaptation.clinics import LEARNS, clinic, shipped, strict

__all__ = ["shipped"]


def test_the_score_knows_how_far_off_an_answer_is() -> None:
    sure = np.eye(3)[[0, 0, 0]]
    np.testing.assert_allclose(ranked_probability_score(sure, np.array([0, 1, 2])), [0, 0.5, 1])
    np.testing.assert_allclose(ranked_probability_score(np.full((1, 3), 1 / 3), np.array([1])), [1 / 9])


def test_what_is_computed_once_below_the_heads_gives_the_networks_answers(shipped: Path, tmp_path: Path) -> None:
    selected = select(shipped, clinic(tmp_path, seed=3, people=4), split="all")
    model = AdaptableModel(shipped)
    ours = answers_of(model, look_at(model, selected.cache, selected.rows, batch_size=7))
    whole = answer(selected).outputs
    assert ours.keys() == whole.keys()
    for name, values in whole.items():
        np.testing.assert_allclose(ours[name], values, atol=1e-4)


def test_a_clinic_that_grades_in_its_own_way_gets_heads_of_its_own(shipped: Path, tmp_path: Path) -> None:
    cache = clinic(tmp_path / "clinic", seed=11, graders=strict)
    steps: list[tuple[int, int]] = []
    made = adapt(shipped, cache, tmp_path / "out", folds=4, fit=LEARNS, progress=lambda *step: steps.append(step))
    assert steps[-1] == (120 + 16, 120 + 16)
    assert (made.kept, made.images, made.people) == (FINE_TUNED, 120, 24)
    assert made.verdicts[-1].helped
    old, new = load_checkpoint(shipped), load_checkpoint(made.checkpoint)
    for name, value in old.state_dict.items():
        assert torch.equal(value, new.state_dict[name]) != name.startswith(HEADS), name
    assert new.calibration["thresholds"] == old.calibration["thresholds"], "the limits are of what lies below the heads"

    fresh = clinic(tmp_path / "fresh", seed=12, graders=strict)
    figures = {}
    for path in (shipped, made.checkpoint):
        evaluate(path, fresh, tmp_path / path.stem, split="all")
        figures[path] = json.loads((tmp_path / path.stem / "metrics.json").read_text())["all"]["figures"]
    assert figures[made.checkpoint]["mae"] < figures[shipped]["mae"] - 0.1
    told = made.figures[FINE_TUNED]["mae"]
    assert abs(told - figures[made.checkpoint]["mae"]) < 0.2, "what it said of unseen people holds on new ones"

    report = json.loads((tmp_path / "out/adaptation.json").read_text())
    assert report["from"] == {"file": "best.pt", "sha256": hashlib.sha256(shipped.read_bytes()).hexdigest()}
    assert new.training_data["adapted"] == report
    again = adapt(shipped, cache, tmp_path / "again", folds=4, fit=LEARNS)
    assert (tmp_path / "again/adaptation.json").read_bytes() == (tmp_path / "out/adaptation.json").read_bytes()
    assert torch.equal(
        load_checkpoint(again.checkpoint).state_dict["geometry_head.grade.bias"],
        new.state_dict["geometry_head.grade.bias"],
    )


def test_where_nothing_helps_the_model_stays_as_it_is(shipped: Path, tmp_path: Path) -> None:
    first = adapt(shipped, clinic(tmp_path / "one", seed=21, people=60), tmp_path / "first", fit=LEARNS)
    base = first.checkpoint or shipped
    made = adapt(base, clinic(tmp_path / "two", seed=22, people=12), tmp_path / "second", fit=LEARNS)
    assert (made.kept, made.checkpoint) == (AS_IT_IS, None)
    assert not (tmp_path / "second/adapted.pt").exists()
    assert made.lines()[-1].startswith("nothing helped beyond its interval")


def test_too_few_people_are_refused(shipped: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"45 images of 9 people in split 'all'; .* takes 30 images of 10 people"):
        adapt(shipped, clinic(tmp_path / "few", seed=1, people=9), tmp_path / "out")
    with pytest.raises(TrainingError, match="--folds must be at least 2"):
        adapt(shipped, clinic(tmp_path / "some", seed=1, people=12), tmp_path / "out", folds=1)


def test_the_command_tells_what_it_found(shipped: Path, tmp_path: Path) -> None:
    cache = clinic(tmp_path / "clinic", seed=11, people=12)
    arguments = ["--checkpoint", str(shipped), "--cache", str(cache), "--out", str(tmp_path / "out"), "--folds", "2"]
    told = CliRunner().invoke(app, ["palsy", "adapt", *arguments, "--no-bundle"])
    assert told.exit_code == 0, told.output
    assert told.output.startswith("60 images of 12 people, each judged by what never saw its person\nas it is: score ")
    report = json.loads((tmp_path / "out/adaptation.json").read_text())
    assert (tmp_path / "out/adapted.pt").exists() == (report["kept"] != AS_IT_IS)
    assert [one["name"] for one in report["verdicts"]] == [CALIBRATED, FINE_TUNED]


@pytest.mark.slow
def test_the_bundle_says_where_it_comes_from(shipped: Path, tmp_path: Path) -> None:
    cache = clinic(tmp_path / "strict-clinic", seed=11, graders=strict)
    made = adapt(shipped, cache, tmp_path / "out", fit=LEARNS)
    manifest = load_bundle(write_bundle(shipped, cache, made, tmp_path / "out")).manifest
    assert manifest.name == "palsy-adapted"
    assert "fine-tuned on 120 photographs of 24 people (strict-clinic)" in manifest.training_data
    assert "fine-tuned is better than" in manifest.training_data
