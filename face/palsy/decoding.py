"""From the palsy graph's logits to grade, prediction set and side: the one decoding that the service and `predict`
share.

The graph gives raw logits. Calibration (temperatures, conformal threshold) is data of the bundle, so decoding is numpy
on a few numbers and lives here, where both service and training may import it: the served answer
equals `predict`'s because it is this function's.

Grades are ordinal: logit k is that of P(grade > k+1). Class probabilities are differences of neighbouring cumulative
probabilities. The grade is the median of the distribution, which minimises the expected error in grades (the most
probable class of a broad distribution is too often I or VI). Prediction sets are contiguous: classes join outwards from
the median, always the more probable neighbour next, until the conformal threshold is passed (ordinal adaptive
prediction sets; Lu, Angelopoulos & Pomerantz, MICCAI 2022).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from face.probability import FloatArray, sigmoid, softmax
from face.vocabulary import HOUSE_BRACKMANN, SIDES, Side

# Index of the first grade whose definition has an obvious difference between the sides (House-Brackmann III).
SIDE_NAMED_FROM = 2
# What its probability must exceed at a slight weakness: a side named for a healthy face misleads more than none.
SIDE_NAMED_ABOVE = 0.6
# Index of House-Brackmann IV: from it on, grades differ in what still moves.
_MOVEMENT_TELLS_FROM = 3


@dataclass(frozen=True, kw_only=True)
class PalsyCalibration:
    """How raw logits become probabilities; the `calibration` block of the manifest holds exactly these keys.

    grade_temperature, side_temperature: divide the logits (> 0). conformal_threshold: classes whose inclusion score
    (see `inclusion_scores`) is at most this belong to the set. coverage: the share of true grades that the sets aim to
    hold.
    """

    grade_temperature: float = 1.0
    side_temperature: float = 1.0
    conformal_threshold: float = 0.9
    coverage: float = 0.9

    def __post_init__(self) -> None:
        for name in ("grade_temperature", "side_temperature"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"calibration: {name} must be a positive number, got {value!r}")
        if not 0 < self.coverage < 1:
            raise ValueError(f"calibration: coverage must lie between 0 and 1, got {self.coverage!r}")
        if not 0 <= self.conformal_threshold <= 1:
            raise ValueError(f"calibration: conformal_threshold must lie in [0, 1], got {self.conformal_threshold!r}")

    def as_dict(self) -> dict[str, float]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PalsyCalibration:
        """The calibration in a mapping that may hold further blocks (out-of-distribution statistics); a missing key is
        an error."""
        missing = [field.name for field in fields(cls) if field.name not in values]
        if missing:
            raise ValueError(f"calibration: missing {', '.join(missing)}")
        return cls(**{field.name: float(values[field.name]) for field in fields(cls)})


@dataclass(frozen=True)
class PalsyReading:
    """One decoded photograph. probabilities: (K,) of the K ordered labels; prediction_set: indices of a contiguous run
    of labels. side, side_probability: see `name_side`; side_probabilities: (3,) in the order of SIDES, before that
    rule."""

    probabilities: FloatArray
    index: int
    expected: float
    prediction_set: tuple[int, ...]
    side: Side
    side_probability: float
    side_probabilities: FloatArray

    @property
    def probability(self) -> float:
        return float(self.probabilities[self.index])

    @property
    def likelier_side(self) -> Side:
        """The more probable of left and right, also where the answer is `none`: what a palsy that is known to be there
        would be called."""
        return SIDES[_left_or_right(self.side_probabilities)]


def grade_probabilities(grade_logits: FloatArray, *, temperature: float = 1.0) -> npt.NDArray[np.float64]:
    """(N, K-1) cumulative logits -> (N, K) class probabilities that sum to 1.

    P(grade > k) cannot rise with k; where independent logits say otherwise the running minimum is taken.
    """
    cumulative = np.minimum.accumulate(sigmoid(np.asarray(grade_logits, dtype=np.float64) / temperature), axis=-1)
    edge = np.ones((*cumulative.shape[:-1], 1))
    return np.asarray(-np.diff(np.concatenate([edge, cumulative, np.zeros_like(edge)], axis=-1), axis=-1))


@dataclass(frozen=True, kw_only=True)
class TurnedHead:
    """What a turned head takes from the logits of the grade: `per_deg` for each degree of yaw beyond `from_deg`.

    The far half of a turned face is narrower, which looks like weakness: healthy faces that are turned get too high a
    grade. What is taken makes palsies of turned faces milder, too, so the prediction set keeps what it held without.
    """

    from_deg: float = 0.0
    per_deg: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"turned_head.{name} must be a finite number >= 0, got {value!r}")

    def allowed_for(self, grade_logits: FloatArray, yaw_deg: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """(N, K-1) cumulative logits as the graph gives them, of heads turned by (N,) or one yaw -> what is decoded."""
        beyond = np.maximum(np.abs(np.asarray(yaw_deg, dtype=np.float64)) - self.from_deg, 0.0)
        return np.asarray(grade_logits, dtype=np.float64) - self.per_deg * beyond[..., None]


def median_class(probabilities: FloatArray) -> npt.NDArray[np.intp]:
    """(N, K) -> (N,): the first class up to which at least half of the probability lies."""
    # The slack keeps a sum of exactly one half from missing it by a rounding error.
    return np.asarray((np.cumsum(probabilities, axis=-1) >= 0.5 - 1e-12).argmax(axis=-1))


def inclusion_scores(probabilities: FloatArray) -> npt.NDArray[np.float64]:
    """(N, K) -> (N, K): the probability mass gathered before each class joins the contiguous set (0 for the median
    class).

    Calibrate: the threshold is the conformal quantile of the true classes' scores. Predict: the classes with score <=
    threshold. Ties take the lower grade first, so the result depends on nothing but the numbers.
    """
    probabilities = np.atleast_2d(np.asarray(probabilities, dtype=np.float64))
    count, classes = probabilities.shape
    scores = np.zeros(probabilities.shape)
    centres = median_class(probabilities)
    for row in range(count):
        p = probabilities[row]
        low = high = int(centres[row])
        mass = float(p[low])
        while high - low + 1 < classes:
            take_low = high == classes - 1 or (low > 0 and p[low - 1] >= p[high + 1])
            joined = low - 1 if take_low else high + 1
            scores[row, joined] = mass
            mass += float(p[joined])
            low, high = min(low, joined), max(high, joined)
    return scores


def widened(reading: PalsyReading) -> PalsyReading:
    """The reading with a set that holds one more grade on either side, where there is one: less was seen than in the
    photographs that its limit was fitted on."""
    low, high = reading.prediction_set[0], reading.prediction_set[-1]
    return replace(reading, prediction_set=tuple(range(max(0, low - 1), min(len(reading.probabilities), high + 2))))


def holding(reading: PalsyReading, other: PalsyReading) -> PalsyReading:
    """The reading with a set that also holds the set of another decoding of the same photograph."""
    both = reading.prediction_set + other.prediction_set
    return replace(reading, prediction_set=tuple(range(min(both), max(both) + 1)))


def at_rest(reading: PalsyReading) -> PalsyReading:
    """The reading with a set of which at least two are of IV to VI, if any is.

    What tells these grades apart is movement (House & Brackmann 1985), which a face at rest does not show. The likelier
    neighbour of the one grade joins it; a tie takes the milder.
    """
    if len(reading.probabilities) != len(HOUSE_BRACKMANN):  # a data set's own grades have a rest of their own
        return reading
    severe = [grade for grade in reading.prediction_set if grade >= _MOVEMENT_TELLS_FROM]
    if len(severe) != 1:
        return reading
    (grade,) = severe
    neighbours = [near for near in (grade - 1, grade + 1) if _MOVEMENT_TELLS_FROM <= near < len(reading.probabilities)]
    joined = max(neighbours, key=lambda near: (float(reading.probabilities[near]), -near))
    return replace(reading, prediction_set=tuple(sorted({*reading.prediction_set, joined})))


def _left_or_right(side_probabilities: FloatArray) -> int:
    """Index into SIDES of the more probable of the two; a tie is left."""
    left, right, _ = side_probabilities
    return SIDES.index("left" if left >= right else "right")


def name_side(side_probabilities: FloatArray, *, grade_index: int) -> tuple[int, float]:
    """(index into SIDES, its probability) of one photograph, in agreement with its grade; grade_index counts from 0.

    A healthy face has no affected side and an obvious palsy has one, whatever the side head would prefer:
    the mildest grade gets `none`, with P(none); from grade SIDE_NAMED_FROM on it is the more probable of left and
    right, with its probability given that it is one of the two; in between (slight weakness) left or right only where
    its probability is above SIDE_NAMED_ABOVE.
    """
    left, right, none = (float(p) for p in side_probabilities)
    side, likelier = _left_or_right(side_probabilities), max(left, right)
    if grade_index >= SIDE_NAMED_FROM:
        either = left + right
        return side, (likelier / either if either > 0 else 0.5)
    if grade_index == 0 or likelier <= SIDE_NAMED_ABOVE:
        return SIDES.index("none"), none
    return side, likelier


def decode(grade_logits: FloatArray, side_logits: FloatArray, *, calibration: PalsyCalibration) -> list[PalsyReading]:
    """Readings of N photographs from (N, K-1) cumulative grade logits and (N, 3) side logits (order `SIDES`).

    `expected` counts from 1 (grade I = 1). Raises ValueError for non-finite logits: a NaN is an error, never a grade.
    """
    grades = np.atleast_2d(np.asarray(grade_logits, dtype=np.float64))
    sides = np.atleast_2d(np.asarray(side_logits, dtype=np.float64))
    if sides.shape[-1] != len(SIDES) or len(sides) != len(grades):
        raise ValueError(f"side logits must have shape ({len(grades)}, {len(SIDES)}), got {sides.shape}")
    if not (np.isfinite(grades).all() and np.isfinite(sides).all()):
        raise ValueError("the model's logits are not finite")
    probabilities = grade_probabilities(grades, temperature=calibration.grade_temperature)
    inside = inclusion_scores(probabilities) <= calibration.conformal_threshold
    side_probabilities = softmax(sides / calibration.side_temperature)
    expected = 1.0 + probabilities @ np.arange(probabilities.shape[1])
    centres = median_class(probabilities)
    readings = []
    for row in range(len(grades)):
        grade = int(centres[row])
        side, side_probability = name_side(side_probabilities[row], grade_index=grade)
        readings.append(
            PalsyReading(
                probabilities=probabilities[row],
                index=grade,
                expected=float(expected[row]),
                prediction_set=tuple(int(label) for label in np.flatnonzero(inside[row])),
                side=SIDES[side],
                side_probability=side_probability,
                side_probabilities=side_probabilities[row],
            )
        )
    return readings
