"""Clips whose movements are known to the frame: portraits that are warped, and rendered people.

The head sways a little in all of them, the camera is one for a clip and its noise another in every frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from face.landmarks.found_face import Face
from model_training.microexpression.simulation.face_motion import RENDER_PX, MotionStudio
from model_training.microexpression.simulation.movements import Weights
from model_training.microexpression.simulation.photographed_pairs import MOVES, Camera, head_field, move_field
from model_training.microexpression.simulation.rendered_kinds import EXPRESSIONS, draw_kind
from model_training.microexpression.simulation.simulated_flow import warp_forward

FPS = 25.0
# Syllables a second; each has lips and jaw of its own.
SYLLABLES_PER_S = 4.0
# Before the movement may begin, and after it has ended.
STILL_S = 0.6


@dataclass(frozen=True)
class Movement:
    """Grows and falls again as half a sine. start_s, apex_s, end_s: from the clip's first frame."""

    start_s: float
    apex_s: float
    end_s: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, *, seconds: float) -> Movement:
        """Of .2 to .5 s, its apex a little before the middle."""
        lasts = float(rng.uniform(0.2, 0.5))
        start = float(rng.uniform(STILL_S, seconds - STILL_S - lasts))
        return cls(start, start + lasts * float(rng.uniform(0.35, 0.5)), start + lasts)

    def level(self, time_s: float) -> float:
        """0 .. 1."""
        if not self.start_s < time_s < self.end_s:
            return 0.0
        half = self.apex_s - self.start_s if time_s < self.apex_s else self.end_s - self.apex_s
        return float(np.cos((time_s - self.apex_s) / half * np.pi / 2))


def sway(rng: np.random.Generator) -> Callable[[float], tuple[float, float]]:
    """Time -> two slow weights in -1 .. 1: how a head that is held still moves."""
    periods, phases = rng.uniform(1.5, 6.0, 2), rng.uniform(0, 2 * np.pi, 2)
    return lambda time_s: tuple(np.sin(2 * np.pi * time_s / periods + phases).tolist())


def photographed_clip(
    rgb: np.ndarray, face: Face, rng: np.random.Generator, *, seconds: float, movement: Movement | None
) -> Iterator[np.ndarray]:
    """A portrait (H, W, 3) at rest, with one of MOVES at 1.5 to 4 % of the inter-ocular distance where there is a
    movement."""
    camera, swaying = Camera.drawn(rng), sway(rng)
    heads = [head_field(face, rgb.shape[:2], rng) for _ in range(2)]
    bumps = MOVES[str(rng.choice(list(MOVES)))]
    moving = move_field(face, rgb.shape[:2], bumps, percent=float(rng.uniform(1.5, 4.0)))
    for number in range(round(seconds * FPS)):
        level = 0.0 if movement is None else movement.level(number / FPS)
        first, second = swaying(number / FPS)
        field = np.float32(first) * heads[0] + np.float32(second) * heads[1] + np.float32(level) * moving
        yield camera.film(warp_forward(rgb, field), rng)


def rendered_clip(
    studio: MotionStudio, rng: np.random.Generator, *, seconds: float, movement: Movement | None, speaking: bool = False
) -> Iterator[np.ndarray]:
    """A rendered person at rest, with an expression where there is a movement, or speaking all the time."""
    vertices, look, camera = studio.person(rng)
    background = cv2.resize(
        rng.uniform(40, 210, (3, 3, 3)).astype(np.float32), (RENDER_PX, RENDER_PX), interpolation=cv2.INTER_CUBIC
    )
    expression = draw_kind(str(rng.choice(list(EXPRESSIONS))), rng)
    count = round(seconds * FPS)
    syllables = [draw_kind("speech", rng) for _ in range(int(seconds * SYLLABLES_PER_S) + 2)]
    film, swaying = Camera.drawn(rng), sway(rng)
    for number in range(count):
        time_s = number / FPS
        weights: Weights = {}
        if speaking:
            weights = _between(syllables, time_s * SYLLABLES_PER_S)
        elif movement is not None:
            weights = {unit: movement.level(time_s) * amount for unit, amount in expression.items()}
        moved = vertices.copy()
        for unit, amount in weights.items():
            moved += np.float32(amount) * studio.units[unit]
        yaw, pitch = swaying(time_s)
        seen = replace(camera, yaw_deg=camera.yaw_deg + 0.8 * yaw, pitch_deg=camera.pitch_deg + 0.8 * pitch)
        yield film.film(studio.renderer.render(moved, look, seen, background), rng)


def _between(syllables: list[Weights], at: float) -> Weights:
    before, after, share = syllables[int(at)], syllables[int(at) + 1], at - int(at)
    share = share * share * (3 - 2 * share)
    units = {*before, *after}
    return {unit: (1 - share) * before.get(unit, 0.0) + share * after.get(unit, 0.0) for unit in units}
