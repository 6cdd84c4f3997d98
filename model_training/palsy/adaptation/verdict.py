"""Whether one way of answering is better than another on the same photographs, people drawn anew."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from model_training.metrics.classification import Floats, Ints
from model_training.metrics.intervals import paired_difference
from model_training.palsy.evaluation.judgement import Judgement


def ranked_probability_score(probabilities: Floats, truth: Ints) -> Floats:
    """probabilities (N, K), truth (N,) from 0 -> (N,), 0 at best and 1 at worst.

    Mean square of the difference between the cumulative probabilities and what happened (Epstein, Journal of Applied
    Meteorology 8, 1969), here over the K - 1 thresholds. A proper score of an ordered answer: kappa and accuracy see
    only the grade that is named, and few people leave them coarse.
    """
    classes = probabilities.shape[1]
    happened = np.arange(classes - 1) >= truth[:, None]
    return np.asarray(np.square(probabilities.cumsum(1)[:, :-1] - happened).mean(1))


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Of `name` against `than`: difference of the score with its 95 % interval by person, below 0 where `name` is
    better."""

    name: str
    than: str
    difference: float
    low: float
    high: float

    @property
    def helped(self) -> bool:
        return self.high < 0

    @property
    def harmed(self) -> bool:
        return self.low > 0

    def sentence(self) -> str:
        what = "is better" if self.helped else "is worse" if self.harmed else "is not shown to be better or worse"
        return (
            f"{self.name} {what} than {self.than}: ranked probability score {self.difference:+.4f} "
            f"[{self.low:+.4f}, {self.high:+.4f}]"
        )

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "helped": self.helped, "harmed": self.harmed}


def score_of(judged: Judgement) -> Floats:
    """(N,) `ranked_probability_score` of each photograph."""
    return ranked_probability_score(np.stack([reading.probabilities for reading in judged.readings]), judged.truth)


def compare(name: str, judged: Judgement, than: str, other: Judgement) -> Verdict:
    """Both of the same rows."""
    mine, its = score_of(judged), score_of(other)
    people = judged.frame["person_id"].to_numpy(object)
    difference, low, high = paired_difference(
        people, lambda rows: float(its[rows].mean()), lambda rows: float(mine[rows].mean())
    )
    return Verdict(name=name, than=than, difference=difference, low=low, high=high)
