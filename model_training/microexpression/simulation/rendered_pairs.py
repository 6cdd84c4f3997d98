"""Onset and apex as two renderings of one person, with a movement of known size: what the chain is measured on.

Unlike simulated_flow.py nothing is warped: lids close over the eye, lips part, the light falls on the moved skin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from model_training.microexpression.simulation.face_motion import RENDER_PX, MotionStudio, camera_project
from model_training.microexpression.simulation.movements import NEGATIVE, POSITIVE, SURPRISE

# Movement -> class and face units; sided units move on both sides.
MOVEMENTS: dict[str, tuple[int, dict[str, float]]] = {
    "smile": (POSITIVE, {"mouthSmile": 1.0, "cheekSquint": 0.5}),
    "brow_raise": (SURPRISE, {"browInnerUp": 0.8, "browOuterUp": 0.8, "frontalis": 0.7}),
    "brow_furrow": (NEGATIVE, {"browDown": 1.0, "noseSneer": 0.1}),
}


@dataclass(frozen=True, eq=False)
class RenderedPair:
    """onset, apex (S, S, 3) uint8 RGB; percent: largest displacement of a vertex, per cent of the
    inter-ocular distance."""

    onset: np.ndarray
    apex: np.ndarray
    movement: str
    label: int
    percent: float


def rendered_pairs(
    studio: MotionStudio, *, people: int, seed: int, percents: tuple[float, ...] = (2.0, 3.0, 5.0), noise: float = 1.0
) -> Iterator[RenderedPair]:
    """Every movement at every size for each person. noise: grey levels of sensor noise, drawn anew for each frame."""
    for number in range(people):
        rng = np.random.default_rng([seed, number])
        vertices, look, camera = studio.person(rng)
        background = cv2.resize(
            rng.uniform(40, 210, (3, 3, 3)).astype(np.float32), (RENDER_PX, RENDER_PX), interpolation=cv2.INTER_CUBIC
        )
        projected = camera_project(camera, studio.head, vertices, vertices)
        eyes = [projected[studio.head.eyeballs[side]].mean(axis=0) for side in ("Left", "Right")]
        interocular = float(np.linalg.norm(eyes[0] - eyes[1]))
        onset = studio.renderer.render(vertices, look, camera, background)
        for movement, (label, units) in MOVEMENTS.items():
            direction = np.zeros_like(vertices)
            for unit, amount in units.items():
                for side in ("Left", "Right"):
                    direction += amount * studio.units[f"{unit}{side}"]
            step = 1e-3
            moved = camera_project(camera, studio.head, vertices, vertices + step * direction) - projected
            largest = float(np.linalg.norm(moved, axis=1).max()) / step / interocular * 100
            for percent in percents:
                apex = studio.renderer.render(
                    (vertices + np.float32(percent / largest) * direction).astype(np.float32), look, camera, background
                )
                frames = [
                    np.clip(frame + rng.normal(0, noise, frame.shape) + 0.5, 0, 255).astype(np.uint8)
                    for frame in (onset, apex)
                ]
                yield RenderedPair(frames[0], frames[1], movement, label, percent)
