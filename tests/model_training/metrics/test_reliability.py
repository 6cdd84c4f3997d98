"""Reliability curves and the calibration error of answers whose reliability is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from model_training.metrics.reliability import (
    calibration_error,
    equal_count_bins,
    equal_width_bins,
    expected_calibration_error,
)


def test_bins_of_equal_width_leave_empty_ones_out() -> None:
    confidence = np.asarray([0.95, 0.95, 0.55, 0.55])
    curve = equal_width_bins(confidence, np.asarray([True, True, True, False]), bins=10)
    assert calibration_error(curve) == pytest.approx(0.05)
    assert [point.count for point in curve] == [2, 2]
    assert [(point.low, point.high) for point in curve] == [(0.5, 0.6), (0.9, 1.0)]
    assert [point.accuracy for point in curve] == [0.5, 1.0]


def test_certainty_belongs_to_the_last_bin() -> None:
    (point,) = equal_width_bins(np.ones(3), np.ones(3, bool), bins=15)
    assert (point.high, point.count, point.confidence) == (1.0, 3, 1.0)


def test_bins_of_equal_count_hold_every_answer_once_in_order_of_confidence() -> None:
    confidence = np.random.default_rng(0).random(23)
    curve = equal_count_bins(confidence, confidence > 0.5, bins=5)
    assert [point.count for point in curve] == [5, 5, 5, 4, 4]
    assert all(one.high <= other.low for one, other in itertools.pairwise(curve))
    assert all(point.low <= point.confidence <= point.high for point in curve)
    assert len(equal_count_bins(confidence[:2], confidence[:2] > 0.5, bins=5)) == 2


def test_honest_probabilities_have_hardly_an_error_and_sure_ones_have() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), 20_000)
    labels = (probabilities.cumsum(1) > rng.random((len(probabilities), 1))).argmax(1)
    assert expected_calibration_error(probabilities, labels) < 0.02
    sure = np.eye(3)[probabilities.argmax(1)]
    wrong = (probabilities.argmax(1) != labels).mean()
    assert expected_calibration_error(sure, labels) == pytest.approx(wrong)
