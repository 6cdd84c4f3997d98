"""Scores by subject; zero-shot figures of a checkpoint as files, and the bundle's metrics made of them."""

import json

import numpy as np
import pytest
import torch

from face.vocabulary import EMOTIONS
from model_training.errors import TrainingError
from model_training.metrics.classification import confusion_matrix
from model_training.metrics.reliability import expected_calibration_error
from model_training.microexpression.evaluation.bundle_metrics import metrics_of
from model_training.microexpression.evaluation.scores import (
    calibrated_by_others,
    intervals_by_subject,
    scores_of,
    uf1_difference,
)
from model_training.microexpression.evaluation.zero_shot import write_zero_shot, zero_shot_report
from model_training.microexpression.folded.network import FoldedConfig, init_weights
from model_training.microexpression.folded.training import TrainingConfig
from model_training.microexpression.inference.answers import answers_for, temperature_of
from model_training.microexpression.published_flow import FlowImages
from model_training.microexpression.simulation.flow_statistics import write_statistics
from model_training.training.checkpoint import FOLDED_ENSEMBLE, Checkpoint


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(0)
    return FlowImages(
        images=rng.integers(0, 256, (60, 28, 28, 3)).astype(np.uint8), labels=np.tile(np.arange(3), 20),
        subjects=np.repeat([f"set/s{number}" for number in range(10)], 6), datasets=np.repeat(["one", "two"], 30),
        clips=np.arange(60).astype(str),
    )  # fmt: skip


@pytest.fixture(scope="module")
def report(clips):
    config = TrainingConfig(model=FoldedConfig(dim=4, block_repeats=(1, 1, 1)), input="standardised")
    weights = init_weights(config.model, 2, torch.Generator().manual_seed(0))
    checkpoint = Checkpoint(
        task="microexpression", network=FOLDED_ENSEMBLE, config=config.to_dict(), labels=EMOTIONS, preprocessing={},
        state_dict=weights, calibration={"temperature": 1.3},
    )  # fmt: skip
    return zero_shot_report(answers_for(checkpoint, clips), temperature_of(checkpoint), clips)


def test_every_set_has_its_confusion_matrix_and_all_clips_are_in_it(report, clips):
    assert set(report["ensemble_confusion"]) == {"full", "one", "two"}
    assert np.sum(report["ensemble_confusion"]["full"]) == len(clips)
    assert sum(row["clips"] for row in report["per_subject"]) == len(clips)
    assert sum(point["clips"] for point in report["reliability"]) == len(clips)
    assert report["calibration"]["temperature"] == 1.3


def test_the_bundles_metrics_start_with_the_main_figures_and_leave_long_tables_out(report, clips, tmp_path):
    with pytest.raises(TrainingError, match=r"zero_shot\.json"):
        metrics_of(tmp_path)
    write_zero_shot(report, tmp_path, clips.class_names)
    (tmp_path / "known_movements.json").write_text('{"rendered": {"right": 3}}', encoding="utf-8")
    metrics = metrics_of(tmp_path)
    assert metrics["zero_shot_uf1"] == pytest.approx(report["ensemble"]["full"]["uf1"], abs=1e-4)
    assert metrics["known_movements"] == {"rendered": {"right": 3}}
    assert "per_subject" not in metrics["zero_shot"]
    assert (tmp_path / "zero_shot.png").stat().st_size > 0


def test_statistics_of_two_sets_side_by_side(clips, tmp_path):
    made = write_statistics({"published": clips.images}, {"made": clips.images[::2]}, tmp_path)
    assert json.loads((tmp_path / "flow_statistics.json").read_text(encoding="utf-8")) == made
    assert made["sets"]["made"]["images"] == 30
    assert set(made["told_apart_auc"]) == {"made"}


def test_scores_of_known_tables():
    assert scores_of(np.diag([5, 3, 2])) == {"uf1": 1.0, "uar": 1.0}
    scores = scores_of(np.array([[8, 2, 0], [0, 5, 5], [0, 0, 10]]))
    assert scores["uar"] == pytest.approx((0.8 + 0.5 + 1.0) / 3)
    assert scores["uf1"] == pytest.approx((16 / 18 + 10 / 17 + 20 / 25) / 3)


def test_the_interval_by_subject_holds_the_score():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 300)
    predicted = np.where(rng.random(300) < 0.7, truth, rng.integers(0, 3, 300))
    people = np.repeat(np.arange(30), 10).astype(str)
    bounds = intervals_by_subject(truth=truth, predicted=predicted, subjects=people, classes=3, repeats=300)
    low, high = bounds["uf1"]
    assert low < scores_of(confusion_matrix(truth=truth, predicted=predicted, classes=3))["uf1"] < high
    assert high - low < 0.25


def test_two_systems_are_compared_on_the_same_subjects():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 300)
    first = np.where(rng.random(300) < 0.5, truth, (truth + 1) % 3)
    second = np.where(rng.random(300) < 0.2, truth, first)
    subjects = np.repeat(np.arange(30), 10).astype(str)
    found = uf1_difference(truth=truth, first=first, second=second, subjects=subjects, classes=3)
    assert 0 < found["low"] < found["difference"] < found["high"]
    alone = [
        intervals_by_subject(truth=truth, predicted=one, subjects=subjects, classes=3)["uf1"] for one in (first, second)
    ]
    assert found["high"] - found["low"] < alone[1][1] - alone[0][0] - (alone[1][0] - alone[0][1])
    same = uf1_difference(truth=truth, first=first, second=first, subjects=subjects, classes=3)
    assert same == {"difference": 0.0, "low": 0.0, "high": 0.0}


def test_a_subjects_temperature_comes_from_the_others():
    rng = np.random.default_rng(1)
    labels, people = rng.integers(0, 3, 300), np.repeat(np.arange(10), 30).astype(str)
    said = np.where(rng.random(300) < 0.6, labels, (labels + 1) % 3)
    sure = np.full((300, 3), 0.01) + np.eye(3)[said] * 0.97
    calibrated, temperatures = calibrated_by_others(sure, labels, people)
    assert (temperatures > 1.5).all()
    assert expected_calibration_error(calibrated, labels) < 0.5 * expected_calibration_error(sure, labels)
    poisoned = labels.copy()
    poisoned[people == "3"] = 0
    again, _ = calibrated_by_others(sure, poisoned, people)
    np.testing.assert_array_equal(again[people == "3"], calibrated[people == "3"])
