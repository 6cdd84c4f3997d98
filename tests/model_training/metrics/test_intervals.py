"""Intervals that draw people, not rows, anew."""

from __future__ import annotations

import numpy as np
import pytest

from model_training.metrics.intervals import intervals_by_person, paired_difference


def test_intervals_resample_people_not_photographs() -> None:
    values = np.repeat([0.0, 1.0], 500)  # two people: an interval over photographs would be narrow
    low, high = intervals_by_person(
        ["a"] * 500 + ["b"] * 500, lambda rows: {"mean": float(values[rows].mean())}, repeats=200
    )["mean"]
    assert (low, high) == (0.0, 1.0)
    assert intervals_by_person(["a", "a"], lambda rows: {"n": float(len(rows))}) == {}


def test_one_person_alone_has_an_interval_only_where_it_is_asked_for() -> None:
    bounds = intervals_by_person(["a", "a"], lambda rows: {"n": float(len(rows))}, fewest_people=1)
    assert bounds == {"n": (2.0, 2.0)}


def test_draws_without_a_finite_figure_are_left_out() -> None:
    figures = {"mean": lambda rows: float("nan") if (rows == 0).any() else 1.0}
    found = intervals_by_person(["a", "b", "c"], lambda rows: {"mean": figures["mean"](rows)}, repeats=50)
    assert found == {"mean": (1.0, 1.0)}


def test_a_paired_difference_is_narrower_than_its_parts() -> None:
    rng = np.random.default_rng(0)
    people = np.repeat([f"p{number}" for number in range(20)], 5)
    hard = np.repeat(rng.normal(0, 1, 20), 5)  # what makes a person hard is so for both systems
    first, second = hard + rng.normal(0, 0.1, 100), hard + 0.3 + rng.normal(0, 0.1, 100)
    difference, low, high = paired_difference(
        people, lambda rows: float(first[rows].mean()), lambda rows: float(second[rows].mean()), repeats=400
    )
    assert difference == pytest.approx(second.mean() - first.mean())
    assert low < difference < high
    alone = intervals_by_person(people, lambda rows: {"first": float(first[rows].mean())}, repeats=400)["first"]
    assert high - low < 0.2 * (alone[1] - alone[0])
