"""What the face does in a micro-expression: class -> small face-unit weights, with the action units they stand for.

Happiness is AU6+12, surprise AU1+2(+5+26), negative AU4/7/9/10/14/15/17/23 in the combinations of disgust, anger,
sadness, fear, contempt and repression. Every class also carries what is no expression: blinks, gaze, swallowing, and
one-sided movements. Shares and amplitudes are our reading of the coding manuals, not measured on any of the benchmark's
clips.
"""

from __future__ import annotations

import numpy as np

from model_training.simulator.head.head import UNIT_SIDES

NEGATIVE, POSITIVE, SURPRISE = range(3)
# Units without a side.
WHOLE = ("jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthLeft", "mouthRight")
NEGATIVE_KINDS = {
    "brow": 0.24, "disgust": 0.20, "sad": 0.07, "contempt": 0.12, "repress": 0.14,
    "fear": 0.05, "anger": 0.08, "squint": 0.04, "upper": 0.06,
}  # fmt: skip

Weights = dict[str, float]


class Movement:
    """Collects unit weights; `add` draws left and right apart."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.weights: Weights = {}

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def sides(self, one_sided: float) -> tuple[float, float]:
        """Factors (left, right); with probability `one_sided` one side hardly moves."""
        if not self.chance(one_sided):
            return 1.0, 1.0
        weak = self.between(0, 0.35)
        return (1.0, weak) if self.chance(0.5) else (weak, 1.0)

    def add(self, unit: str, amount: float, sides: tuple[float, float] = (1.0, 1.0), spread: float = 0.25) -> None:
        if unit in WHOLE:
            self.weights[unit] = self.weights.get(unit, 0.0) + amount
            return
        for side, factor in zip(UNIT_SIDES, sides, strict=True):
            name = f"{unit}{side}"
            self.weights[name] = self.weights.get(name, 0.0) + amount * factor * max(
                0.0, float(self.rng.normal(1, spread))
            )

    def maybe(self, probability: float, unit: str, low: float, high: float, one_sided: float = 0.0) -> None:
        if self.chance(probability):
            self.add(unit, self.between(low, high), self.sides(one_sided))


def draw_movement(label: int, rng: np.random.Generator) -> Weights:
    """Unit weights at an ordinary amplitude; the caller scales them. Raises ValueError for a label other than 0, 1,
    2."""
    move = Movement(rng)
    if label == POSITIVE:
        _smile(move)
    elif label == SURPRISE:
        _surprise(move)
    elif label == NEGATIVE:
        kinds = list(NEGATIVE_KINDS)
        shares = np.array(list(NEGATIVE_KINDS.values()))
        _negative(move, kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))])
    else:
        raise ValueError(f"label must be 0, 1 or 2, got {label}")
    return move.weights


def _smile(move: Movement) -> None:
    sides = move.sides(0.25)
    move.add("mouthSmile", move.between(0.08, 0.30), sides)
    if move.chance(0.65):
        move.add("cheekSquint", move.between(0.05, 0.40), sides)
    if move.chance(0.3):
        move.add("mouthDimple", move.between(0.05, 0.35), sides)
    move.maybe(0.2, "eyeSquint", 0.05, 0.25)
    move.maybe(0.15, "mouthPress", 0.03, 0.15)
    move.maybe(0.1, "mouthUpperUp", 0.05, 0.15)
    move.maybe(0.08, "jawOpen", 0.01, 0.04)


def _surprise(move: Movement) -> None:
    sides, amount, kind = move.sides(0.1), move.between(0.15, 0.6), move.rng.random()
    if kind < 0.75:
        move.add("browInnerUp", amount * move.between(0.4, 1.0), sides)
        move.add("browOuterUp", amount * move.between(0.4, 1.0), sides)
    else:
        move.add("browInnerUp" if kind < 0.9 else "browOuterUp", amount, sides)
    move.add("frontalis", amount * move.between(0.2, 0.8), sides)
    move.maybe(0.5, "eyeWide", 0.1, 0.5)
    move.maybe(0.15, "jawOpen", 0.01, 0.06)
    move.maybe(0.08, "mouthFunnel", 0.03, 0.15)


def _negative(move: Movement, kind: str) -> None:
    if kind in ("brow", "disgust", "anger", "fear"):
        move.add("browDown", move.between(0.15, 0.6), move.sides(0.1))
    if kind == "brow":
        move.maybe(0.35, "eyeSquint", 0.1, 0.4)
        move.maybe(0.2, "noseSneer", 0.1, 0.3)
    elif kind == "disgust":
        move.add("noseSneer", move.between(0.2, 0.6), move.sides(0.15))
        move.add("mouthUpperUp", move.between(0.0, 0.5), move.sides(0.2))
        move.maybe(0.4, "cheekSquint", 0.1, 0.3)
        move.maybe(0.3, "eyeSquint", 0.1, 0.4)
        move.maybe(0.15, "mouthFrown", 0.1, 0.3)
    elif kind == "anger":
        move.add("eyeSquint", move.between(0.1, 0.4))
        if move.chance(0.5):
            move.add("mouthPress", move.between(0.05, 0.3))
        else:
            move.add("mouthShrugLower", move.between(0.1, 0.4))
    elif kind == "sad":
        move.add("mouthFrown", move.between(0.15, 0.5), move.sides(0.1))
        move.maybe(0.5, "browDown", 0.1, 0.4)
        move.maybe(0.4, "browInnerUp", 0.1, 0.3)
        move.maybe(0.5, "mouthShrugLower", 0.15, 0.5)
    elif kind == "contempt":
        move.add("mouthDimple", move.between(0.15, 0.45), move.sides(0.6))
        move.add("mouthPress", move.between(0.0, 0.15))
    elif kind == "repress":
        way = move.rng.random()
        if way < 0.45:
            move.add("mouthFrown", move.between(0.15, 0.45), move.sides(0.2))
            move.add("mouthShrugLower", move.between(0.15, 0.6))
            move.add("mouthShrugUpper", move.between(0.0, 0.25))
        elif way < 0.75:
            move.add("mouthPress", move.between(0.15, 0.4), move.sides(0.15))
            move.add("mouthDimple", move.between(0.0, 0.2))
            move.add("mouthShrugLower", move.between(0.0, 0.4))
        else:
            move.add("mouthRollLower", move.between(0.1, 0.4))
            move.add("mouthPress", move.between(0.05, 0.2))
            move.add("mouthShrugLower", move.between(0.1, 0.4))
    elif kind == "fear":
        move.add("browInnerUp", move.between(0.1, 0.3))
        move.add("mouthStretch", move.between(0.1, 0.35), move.sides(0.2))
        move.maybe(0.5, "eyeWide", 0.1, 0.4)
    elif kind == "squint":
        move.add("eyeSquint", move.between(0.2, 0.6), move.sides(0.2))
        move.add("cheekSquint", move.between(0.1, 0.3))
        move.add("browDown", move.between(0.0, 0.2))
    elif kind == "upper":
        move.add("mouthUpperUp", move.between(0.2, 0.6), move.sides(0.4))
        move.add("cheekSquint", move.between(0.0, 0.2))
        move.add("noseSneer", move.between(0.0, 0.25))
    else:
        raise ValueError(f"unknown negative movement {kind!r}")


def draw_nuisance(rng: np.random.Generator) -> Weights:
    """Movements that are no expression, in every class: blinks (closing, or an eye on its way open), gaze,
    swallowing, a shifted mouth."""
    move = Movement(rng)
    if move.chance(0.65):
        amount = float(np.exp(rng.uniform(np.log(0.02), np.log(0.9))))
        move.add("eyeBlink", amount * (1 if move.chance(0.75) else -0.6), spread=0.1)
    if move.chance(0.30):
        amount = move.between(0.05, 0.6)
        if move.chance(0.5):
            first, second = ("In", "Out") if move.chance(0.5) else ("Out", "In")
            move.add(f"eyeLook{first}", amount, (1.0, 0.0))
            move.add(f"eyeLook{second}", amount, (0.0, 1.0))
        else:
            move.add("eyeLookDown" if move.chance(0.6) else "eyeLookUp", amount)
    move.maybe(0.12, "mouthPress", 0.02, 0.1)
    if move.chance(0.08):
        move.add("jawOpen", move.between(0.003, 0.02) * (1 if move.chance(0.5) else -1))
    if move.chance(0.06):
        move.add("mouthLeft" if move.chance(0.5) else "mouthRight", move.between(0.02, 0.1))
    return move.weights
