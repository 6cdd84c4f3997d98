"""Intervals of figures when people are drawn anew.

Photographs of one person, or clips of one subject, are not independent: an interval resamples people, each with all
rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model_training.metrics.classification import Ints

People = Sequence[str] | npt.NDArray[Any]


def intervals_by_person(
    people: People,
    figures: Callable[[Ints], Mapping[str, float]],
    *,
    repeats: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    fewest_people: int = 2,
) -> dict[str, tuple[float, float]]:
    """people (N,): whose each row is; figures(rows): the figures of these row numbers, some of them repeated
    -> {figure: (low, high)}.

    Percentile bootstrap (Efron & Tibshirani 1993, chapter 13) of as many people as there are, drawn with replacement.
    Draws in which a figure is not finite are left out of its interval. Empty for fewer than `fewest_people`: one
    person alone says nothing of the spread between people.
    """
    names, inverse = np.unique(np.asarray(people, dtype=object).astype(str), return_inverse=True)
    if len(names) < fewest_people:
        return {}
    rows_of = [np.flatnonzero(inverse == index) for index in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {}
    for _ in range(repeats):
        rows = np.concatenate([rows_of[index] for index in rng.integers(0, len(names), len(names))])
        for name, value in figures(rows).items():
            if np.isfinite(value):
                drawn.setdefault(name, []).append(value)
    tail = (1 - level) / 2
    return {
        name: (float(np.quantile(values, tail)), float(np.quantile(values, 1 - tail))) for name, values in drawn.items()
    }


def paired_difference(
    people: People,
    first: Callable[[Ints], float],
    second: Callable[[Ints], float],
    *,
    repeats: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """second - first on all rows, and the interval (low, high) of it: both are judged on the same draw of people, so
    that what makes one draw hard for both does not count. Arguments as in `intervals_by_person`."""

    def difference(rows: Ints) -> float:
        return second(rows) - first(rows)

    low, high = intervals_by_person(
        people,
        lambda rows: {"difference": difference(rows)},
        repeats=repeats,
        seed=seed,
        level=level,
        fewest_people=1,
    )["difference"]
    return difference(np.arange(len(people))), low, high
