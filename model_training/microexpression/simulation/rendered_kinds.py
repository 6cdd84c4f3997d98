"""Rendered pairs of frames by what moves in them: a blink, the gaze, speech, swallowing, the head, an expression."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from model_training.microexpression.simulation.face_motion import RENDER_PX, MotionStudio
from model_training.microexpression.simulation.movements import NEGATIVE, POSITIVE, SURPRISE, Weights, draw_movement
from model_training.simulator.head.head import UNIT_SIDES

EXPRESSIONS = {"negative": NEGATIVE, "positive": POSITIVE, "surprise": SURPRISE}
KINDS = ("rest", "blink", "gaze", "speech", "swallow", "head", *EXPRESSIONS, "expression_and_blink")


def _both(unit: str, amount: float) -> Weights:
    return {f"{unit}{side}": amount for side in UNIT_SIDES}


def draw_kind(kind: str, rng: np.random.Generator) -> Weights:
    """Face-unit weights of a movement of KINDS; none for `rest` and `head`, where no unit moves."""

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    if kind == "blink":
        if rng.random() < 0.3:
            return {f"eyeBlink{side}": between(0.25, 1.0) for side in UNIT_SIDES}
        return _both("eyeBlink", between(0.25, 1.0))
    if kind == "gaze":
        amount = between(0.2, 0.7)
        if rng.random() < 0.6:
            left, right = ("In", "Out") if rng.random() < 0.5 else ("Out", "In")
            return {f"eyeLook{left}Left": amount, f"eyeLook{right}Right": amount}
        # The lid follows an eye that looks down.
        if rng.random() < 0.5:
            return _both("eyeLookDown", amount) | _both("eyeBlink", amount / 2)
        return _both("eyeLookUp", amount)
    if kind == "speech":
        weights: Weights = {"jawOpen": between(0.04, 0.3)}
        lips = str(rng.choice(["mouthFunnel", "mouthPucker", "mouthLowerDown", "none"], p=[0.3, 0.2, 0.3, 0.2]))
        if lips != "none":
            weights |= _both(lips, between(0.1, 0.5))
        if rng.random() < 0.3:
            weights |= _both("mouthStretch", between(0.05, 0.2))
        return weights
    if kind == "swallow":
        return _both("mouthPress", between(0.03, 0.12)) | {"jawForward": between(0, 0.1)}
    if kind in EXPRESSIONS:
        scale = between(0.5, 1.3)
        return {unit: scale * amount for unit, amount in draw_movement(EXPRESSIONS[kind], rng).items()}
    if kind == "expression_and_blink":
        weights = draw_kind(str(rng.choice(list(EXPRESSIONS))), rng)
        for unit, amount in _both("eyeBlink", between(0.2, 0.8)).items():
            weights[unit] = weights.get(unit, 0.0) + amount
        return weights
    if kind in ("rest", "head"):
        return {}
    raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")


def rendered_kinds(studio: MotionStudio, *, people: range, seed: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Every one of KINDS for each person -> (kind, onset, apex), frames (S, S, 3) uint8 RGB with sensor noise. A
    turning head turns by 2 to 8 degrees."""
    for number in people:
        rng = np.random.default_rng([seed, number])
        vertices, look, camera = studio.person(rng)
        background = cv2.resize(
            rng.uniform(40, 210, (3, 3, 3)).astype(np.float32), (RENDER_PX, RENDER_PX), interpolation=cv2.INTER_CUBIC
        )
        onset = studio.renderer.render(vertices, look, camera, background)
        for kind in KINDS:
            moved = vertices.copy()
            for unit, amount in draw_kind(kind, rng).items():
                moved += np.float32(amount) * studio.units[unit]
            seen = camera
            if kind == "head":
                yaw, pitch = rng.uniform(2, 8) * rng.choice([-1, 1]), rng.normal(0, 2.5)
                seen = replace(camera, yaw_deg=camera.yaw_deg + yaw, pitch_deg=camera.pitch_deg + pitch)
            noise = rng.uniform(0.5, 2.5)
            frames = [
                np.clip(frame + rng.normal(0, noise, frame.shape) + 0.5, 0, 255).astype(np.uint8)
                for frame in (onset, studio.renderer.render(moved, look, seen, background))
            ]
            yield kind, frames[0], frames[1]
