"""Calibration and figures of the palsy model against independent computations on synthetic answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from face.palsy.decoding import PalsyCalibration, decode, grade_probabilities, median_class
from model_training.networks.htnet_enhanced import HTNetEnhanced
from model_training.palsy.calibration import fit_palsy_calibration
from model_training.palsy.evaluation.figures import (
    Answers,
    map_figures,
    photograph_figures,
    simulated_figures,
    yaw_band,
)
from model_training.palsy.evaluation.grading_figures import grading_figures

THRESHOLDS = np.arange(5) + 0.5


def synthetic(count: int, *, noise: float, sharpness: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True grades from 0 and cumulative logits of a reader with Gaussian error, `sharpness` times too sure."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, count)
    seen = labels + rng.normal(0, noise, count)
    return labels, 1.7 / noise * sharpness * (seen[:, None] - THRESHOLDS)


def test_sets_hold_the_promised_share_of_new_people_and_probabilities_become_honest() -> None:
    labels, logits = synthetic(3000, noise=0.8, sharpness=3.0, seed=0)
    sides = np.zeros((len(labels), 3))
    calibration = fit_palsy_calibration(
        grade_logits=logits, labels=labels, side_logits=sides, sides=np.full(len(labels), -1)
    )
    assert calibration.grade_temperature > 1.5
    new_labels, new_logits = synthetic(3000, noise=0.8, sharpness=3.0, seed=1)
    readings = decode(new_logits, np.zeros((len(new_labels), 3)), calibration=calibration)
    covered = np.mean([label in reading.prediction_set for label, reading in zip(new_labels, readings, strict=True)])
    assert covered == pytest.approx(0.9, abs=0.03) or covered > 0.9
    for reading in readings[:200]:
        assert reading.index in reading.prediction_set
        assert list(reading.prediction_set) == list(range(reading.prediction_set[0], reading.prediction_set[-1] + 1))


def test_the_median_is_the_grade() -> None:
    probabilities = np.array([[0.4, 0.05, 0.05, 0.3, 0.1, 0.1], [0.5, 0.5, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1.0]])
    assert median_class(probabilities).tolist() == [2, 0, 5]
    labels, logits = synthetic(400, noise=0.7, sharpness=1.0, seed=3)
    figures = grading_figures(truth=labels, probabilities=grade_probabilities(logits), expected=labels * 1.0, classes=6)
    predicted = median_class(grade_probabilities(logits))
    assert figures["exact"] == pytest.approx((predicted == labels).mean())
    assert figures["mae"] == 0
    assert figures["grade_mae"] == pytest.approx(np.abs(predicted - labels).mean())


def answers(poses: tuple[str, ...]) -> Answers:
    rows = [
        (f"p{person}", pose, side if severity else "none", severity)
        for person in range(4)
        for pose in poses
        for side in ("left", "right")
        for severity in range(6)
    ]
    frame = pd.DataFrame(rows, columns=["person_id", "pose", "side", "severity"])
    frame["label"], frame["dataset"] = frame["severity"] + 1, "synthetic"
    logits = 4 * (frame["severity"].to_numpy()[:, None] - THRESHOLDS)
    marked = {"left": [3.0, 0, 0], "right": [0, 3.0, 0], "none": [0, 0, 3.0]}
    return Answers(frame, logits, np.array([marked[side] for side in frame["side"]]))


def test_a_perfect_reader_gets_perfect_figures() -> None:
    photographs = photograph_figures(answers(("rest", "closed_smile", "brow_lift")), PalsyCalibration(), repeats=5)
    assert set(photographs["poses"]) == {"closed_smile", "brow_lift"}
    pooled = photographs["pooled"]["figures"]
    assert pooled["spearman"] == pytest.approx(1, abs=0.01)
    assert pooled["within_face"] == pytest.approx(1)
    assert pooled["side"] == 1
    assert pooled["grade_mae"] == 0
    assert pooled["likelier_side"] == 1
    simulated = simulated_figures(answers(("rest", "closed_smile")), PalsyCalibration(), repeats=5)
    assert simulated["all"]["figures"]["kappa"] == pytest.approx(1)
    assert simulated["healthy"]["both"] == 1
    assert simulated["rest"]["samples"] == simulated["all"]["samples"]


def test_map_figures_see_agreement_and_its_absence() -> None:
    rng = np.random.default_rng(4)
    true = rng.random((6, 12, 12)) ** 4
    face = np.ones(true.shape, bool)
    assert map_figures(true * 2, true, face)["pearson"] == pytest.approx(1)
    assert map_figures(true, true, face)["pointing_game"] == 1
    assert abs(map_figures(rng.random(true.shape), true, face)["pearson"]) < 0.3


def test_yaw_bands_are_of_the_absolute_angle() -> None:
    assert yaw_band(pd.Series([-3.0, 7.0, -15.0, 40.0])).tolist() == ["0-5", "5-10", "10-20", "20-90"]


def test_a_frozen_geometry_branch_does_not_learn_and_its_noise_is_for_training_only() -> None:
    torch.manual_seed(0)
    network = HTNetEnhanced.from_size(
        "tiny", patch_size=14, in_channels=1, use_geometry=True, geometry_components=8, geometry_symmetric_components=4,
        geometry_symmetric_noise=1.5, geometry_frozen=True,
    )  # fmt: skip
    landmarks = torch.randn(40, 478, 3)
    network.fit_geometry(landmarks)
    network.train().forward_all(torch.zeros(2, 1, 224, 224), landmarks[:2])["grade_logits"].sum().backward()
    assert all(p.grad is None for p in network.geometry_branch.parameters())
    assert network.fused_head.grade.weight.grad is not None
    noisy = [network.geometry_branch.coefficients(landmarks[:2])[0] for _ in range(2)]
    assert not torch.equal(*noisy)
    network.eval()
    still = [network.geometry_branch.coefficients(landmarks[:2])[0] for _ in range(2)]
    assert torch.equal(*still)
    assert still[0].shape == (2, 4)
