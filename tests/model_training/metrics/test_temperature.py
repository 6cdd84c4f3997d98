"""Temperatures that make probabilities honest again."""

from __future__ import annotations

import numpy as np
import pytest

from face.probability import softmax
from model_training.metrics.temperature import (
    HIGHEST,
    LOWEST,
    fit_temperature,
    negative_log_likelihood,
    temperature_of_probabilities,
    tempered,
)


def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, 4) and labels drawn from their softmax."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (count, 4))
    return logits, (softmax(logits).cumsum(1) > rng.random((count, 1))).argmax(1)


def test_logits_that_are_too_sure_are_divided_by_as_much() -> None:
    logits, labels = drawn(20_000)
    found = fit_temperature(lambda t: negative_log_likelihood(softmax(2.5 * logits / t), labels))
    assert found == pytest.approx(2.5, rel=0.05)
    assert temperature_of_probabilities(softmax(2.5 * logits), labels) == pytest.approx(found, rel=1e-3)


def test_the_temperature_is_that_of_a_fine_grid_and_stays_within_bounds() -> None:
    logits, labels = drawn(300)
    probabilities = softmax(1.7 * logits)
    grid = np.exp(np.linspace(np.log(LOWEST), np.log(HIGHEST), 4001))
    losses = [negative_log_likelihood(tempered(probabilities, t), labels, floor=1e-300) for t in grid]
    assert temperature_of_probabilities(probabilities, labels) == pytest.approx(grid[int(np.argmin(losses))], rel=1e-3)
    always_right, never_right = labels, (labels + 1) % 4
    probabilities = np.where(np.eye(4)[labels] > 0, 0.7, 0.1)
    assert temperature_of_probabilities(probabilities, always_right) == pytest.approx(LOWEST, rel=1e-2)
    assert temperature_of_probabilities(probabilities, never_right) == pytest.approx(HIGHEST, rel=1e-2)


def test_one_sure_and_wrong_answer_does_not_count_without_end() -> None:
    probabilities = np.array([[1.0, 0.0], [0.5, 0.5]])
    assert negative_log_likelihood(probabilities, np.array([1, 0])) == pytest.approx((-np.log(1e-9) - np.log(0.5)) / 2)


def test_tempered_probabilities_keep_their_order_and_sum_to_one() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(tempered(probabilities, 1.0), probabilities, atol=1e-9)
    for temperature in (0.5, 3.0):
        changed = tempered(probabilities, temperature)
        np.testing.assert_allclose(changed.sum(1), 1)
        assert changed[0].tolist() == sorted(changed[0], reverse=True)
        assert (changed[0, 0] > 0.7) == (temperature < 1)
