"""Evaluation and cross-validation by person, on a made-up cache."""

from __future__ import annotations

import html
import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_training.crossvalidation.crossval import cross_validate
from model_training.errors import Interrupted, TrainingError
from model_training.palsy.evaluation.evaluate import evaluate
from model_training.palsy.evaluation.grading_figures import grading_figures
from model_training.runtime.shard import Shard
from model_training.tasks import make_task
from model_training.training.train import train
from tests.model_training.caches import write_cache
from tests.model_training.training.tiny_runs import at_step, config, quiet


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def checkpoint(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    return train(make_task(config(cache, out, optimisation={"epochs": 2, "ema_decay": 0.5})), say=quiet).best


def test_figures_of_known_answers() -> None:
    probabilities = np.eye(3)[[0, 1, 1, 2]]
    figures = grading_figures(
        truth=np.asarray([0, 1, 2, 2]),
        probabilities=probabilities,
        expected=np.asarray([0.0, 1, 1, 2]),
        classes=3,
        in_set=probabilities > 0,
        sides=np.asarray([2, 0, 1, -1]),
        predicted_sides=np.asarray([2, 1, 1, 0]),
        likelier_sides=np.asarray([0, 1, 0, 0]),
    )
    assert figures["exact"] == figures["coverage"] == 0.75
    assert figures["within_one"] == figures["set_size"] == 1.0
    assert figures["mae"] == 0.25
    assert figures["side"] == pytest.approx(2 / 3)
    assert figures["side_palsy"] == figures["healthy_none"] == 1.0
    assert figures["likelier_side_palsy"] == 0.0


def test_evaluate_writes_tables_and_one_self_contained_page(cache: Path, checkpoint: Path, tmp_path: Path) -> None:
    made = evaluate(checkpoint, cache, tmp_path, split="validation", by=("side",))
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["all"]["samples"] == 16
    assert metrics["all"]["people"] == 4
    assert set(made.figures) >= {
        "kappa",
        "exact",
        "within_one",
        "mae",
        "macro_f1",
        "ece",
        "coverage",
        "set_size",
        "side",
    }
    low, high = metrics["all"]["intervals"]["kappa"]
    assert low <= metrics["all"]["figures"]["kappa"] <= high
    assert set(metrics["groups"]) == {"dataset", "pose", "side"}
    assert np.sum(metrics["confusion_matrix"]) == 16
    table = pd.read_csv(tmp_path / "metrics.csv")
    assert list(table["group"][:3]) == ["all", "dataset", "pose"]
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    np.testing.assert_allclose(predictions.filter(regex="^probability_").sum(axis=1), 1, atol=1e-6)
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 4, "confusions, reliability, poses, learning curves"
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)
    assert "By pose" in page
    for name in metrics["all"]["figures"]:
        assert f"<td>{name}</td>" in page
    assert page.count('<td class="text"></td>') == 0, "every figure says what it means"
    assert made.warnings == metrics["warnings"]
    assert any("4 people say little of others" in warning for warning in made.warnings)
    assert all(html.escape(warning) in page for warning in made.warnings)


def test_the_worst_errors_are_listed_and_shown_only_where_asked(cache: Path, checkpoint: Path, tmp_path: Path) -> None:
    evaluate(checkpoint, cache, tmp_path / "listed", split="validation")
    evaluate(checkpoint, cache, tmp_path / "shown", split="validation", pictures=True)
    predictions = pd.read_csv(tmp_path / "listed/predictions.csv")
    apart = (predictions["label"] - predictions["predicted"]).abs()
    wrong = predictions[apart > 0]
    worst = predictions.loc[apart.idxmax()]
    listed, shown = ((tmp_path / name / "report.html").read_text() for name in ("listed", "shown"))
    pages = re.findall(r"<b>(\w+)</b>", listed)
    assert len(pages) == min(len(wrong), 12)
    assert set(pages) <= set(wrong["sample_id"])
    first = predictions.set_index("sample_id").loc[pages[0]]
    assert abs(first["label"] - first["predicted"]) == apart.max()
    assert str(worst["sample_id"]) in pages
    assert shown.count("data:image/png") - listed.count("data:image/png") == len(pages)


def test_evaluate_refuses_what_does_not_belong_together(cache: Path, checkpoint: Path, tmp_path: Path) -> None:
    other = write_cache(tmp_path / "other", fingerprint="f" * 64)
    with pytest.raises(TrainingError, match="made by another preprocessing"):
        evaluate(checkpoint, other, tmp_path / "out")
    with pytest.raises(TrainingError, match=r"no row of split 'test'; it has train \(32\), validation \(16\)"):
        evaluate(checkpoint, cache, tmp_path / "out")
    with pytest.raises(TrainingError, match="--by shoe: the table has no such column"):
        evaluate(checkpoint, cache, tmp_path / "out", split="all", by=("shoe",))
    (tmp_path / "not.pt").write_bytes(b"junk")
    with pytest.raises(TrainingError, match=r"not\.pt: not a checkpoint that can be loaded safely"):
        evaluate(tmp_path / "not.pt", cache, tmp_path / "out")


def test_crossval_judges_every_photograph_once_and_keeps_finished_folds(cache: Path, tmp_path: Path) -> None:
    settings = config(cache, tmp_path / "cv", optimisation={"epochs": 1, "warmup_epochs": 0.0})
    said: list[str] = []
    first = cross_validate(settings, folds=3, validation=0.25, say=said.append)
    assert said[0] == "3 folds, 0 finished already"
    predictions = pd.read_csv(tmp_path / "cv/report/predictions.csv")
    assert sorted(predictions["sample_id"]) == sorted(pd.read_parquet(cache / "samples.parquet")["sample_id"])
    tested = [set(json.loads((tmp_path / f"cv/fold_{n:02d}/fold.json").read_text())["test_people"]) for n in range(3)]
    assert set.union(*tested) == set(predictions["person_id"])
    assert sum(len(people) for people in tested) == 12
    (tmp_path / "cv/fold_01/fold.json").unlink()
    said.clear()
    assert cross_validate(settings, folds=3, validation=0.25, say=said.append) == first
    assert said[0] == "3 folds, 2 finished already"
    assert len(said) == 2
    with pytest.raises(TrainingError, match=r"holds folds made with another crossval\.folds;"):
        cross_validate(settings, folds=4, validation=0.25, say=quiet)
    faster = config(cache, tmp_path / "cv", optimisation={"epochs": 1, "warmup_epochs": 0.0, "learning_rate": 0.1})
    with pytest.raises(TrainingError, match=r"made with another optimisation\.learning_rate;"):
        cross_validate(faster, folds=3, validation=0.25, say=quiet)
    with pytest.raises(TrainingError, match="--folds must be 0"):
        cross_validate(settings, folds=1, say=quiet)


def test_folds_in_shards_are_one_cross_validation(cache: Path, tmp_path: Path) -> None:
    settings = {"optimisation": {"epochs": 1, "warmup_epochs": 0.0}}
    whole = cross_validate(config(cache, tmp_path / "whole", **settings), folds=3, validation=0.25, say=quiet)
    shared = config(cache, tmp_path / "shared", **settings)
    for number in (2, 1):
        assert cross_validate(shared, folds=3, validation=0.25, shard=Shard(number, 2), say=quiet) is None
    said: list[str] = []
    assert cross_validate(shared, folds=3, validation=0.25, say=said.append) == whole
    assert said == ["3 folds, 3 finished already"]
    for name in ("report/predictions.csv", "report/metrics.json", "fold_01/fold.npz"):
        assert (tmp_path / "shared" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_ctrl_c_keeps_the_folds_as_far_as_they_came(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"optimisation": {"epochs": 1, "warmup_epochs": 0.0}, "run": {"checkpoint_steps": 2}}
    whole = cross_validate(config(cache, tmp_path / "whole", **settings), folds=2, validation=0.25, say=quiet)
    with monkeypatch.context() as patch:
        at_step(3, patch, lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(Interrupted, match="0 of 2 folds are finished"):
            cross_validate(config(cache, tmp_path / "cut", **settings), folds=2, validation=0.25, say=quiet)
    steps = tmp_path / "cut/fold_00/steps.jsonl"
    assert len(steps.read_text().splitlines()) == 3
    assert cross_validate(config(cache, tmp_path / "cut", **settings), folds=2, validation=0.25, say=quiet) == whole


@pytest.mark.slow
def test_leaving_one_person_out_in_parallel(tmp_path: Path) -> None:
    small = write_cache(tmp_path / "cache", people=6, images=6)
    settings = config(small, tmp_path / "lopo", optimisation={"epochs": 1, "warmup_epochs": 0.0})
    line = cross_validate(settings, folds=0, jobs=2, validation=0.3, say=quiet)
    assert "kappa" in line.figures
    assert len(list((tmp_path / "lopo").glob("fold_*/fold.json"))) == 6
