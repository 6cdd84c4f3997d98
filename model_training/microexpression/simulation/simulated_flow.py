"""Simulated micro-expressions: flow images with their class, from the head model and the service's own flow.

A person is rendered once; each apex is the onset warped by the exact displacement of the drawn face units, both frames
get a camera's noise, blur, compression and light, and the flow is then *estimated* from the two pictures, so that it
has the faults of real flow: smeared edges, noise on bare skin, nothing where there is no texture. A share is estimated
by TV-L1 instead, the method of the published images: its motion is flat in pieces and its strain sharp and sparse. What
the published images have besides is drawn at random: framing (SAMM is looser and higher), smoothing, resampling.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from pydantic import Field, field_validator

from face.microexpression.flow import (
    DisParameters,
    dis_flow,
    luminance,
    match_exposure,
    optical_strain,
)
from face.microexpression.head_motion import head_motion, similarity_field
from face.microexpression.registration import face_ellipse
from face.microexpression.spec import MicroExpressionSpec
from model_training.configuration import Configuration
from model_training.microexpression.simulation.face_motion import FaceMotion, MotionStudio
from model_training.microexpression.simulation.movements import draw_movement, draw_nuisance
from model_training.microexpression.simulation.tvl1 import TvL1Parameters, tvl1_flow


class SimulationConfig(Configuration):
    """What is drawn."""

    per_person: int = Field(default=24, ge=1)
    """Pairs of each person."""
    class_shares: tuple[float, float, float] = Field(default=(0.40, 0.30, 0.30), strict=False)
    """Negative, positive, surprise."""
    amplitude: float = Field(default=0.78, gt=0.0)
    """Median factor on the movements of movements.py."""
    amplitude_spread: float = 0.45
    loose_share: float = 0.35
    """Share framed like SAMM."""
    registered_share: float = 0.35
    """Share of the rest whose head motion is taken out, as the service does."""
    max_noise: float = 1.5
    tvl1_share: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share whose flow is TV-L1, all of it left in."""

    @field_validator("class_shares")
    @classmethod
    def _make_a_whole(cls, class_shares: tuple[float, float, float]) -> tuple[float, float, float]:
        if abs(sum(class_shares) - 1) > 1e-6:
            raise ValueError(f"must add up to 1, got {list(class_shares)}")
        return class_shares


def draw_framing(config: SimulationConfig, rng: np.random.Generator) -> tuple[float, float, float]:
    """(scale, x, y) of the face in the crop: about the canonical one, or looser and higher as in SAMM's flow images."""
    loose = rng.random() < config.loose_share
    scale = (0.87 if loose else 1.0) * float(rng.normal(1, 0.05))
    shift_x, shift_y = rng.normal(0, 0.02, 2) - np.array([0.02 * loose, 0.075 * loose])
    return float(np.clip(scale, 0.7, 1.2)), float(shift_x), float(shift_y)


def warp_forward(image: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Move the pixels of (H, W) by a small displacement (H, W, 2): the inverse field by one fixed-point step, exact
    to second order."""
    rows, columns = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32)
    back_x, back_y = columns - displacement[..., 0], rows - displacement[..., 1]
    at_source = cv2.remap(displacement, back_x, back_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    moved: np.ndarray = cv2.remap(
        image, columns - at_source[..., 0], rows - at_source[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return moved


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """(H, W) float32 of about unit deviation, interpolated from cells x cells numbers."""
    grid = rng.standard_normal((cells, cells), dtype=np.float32)
    return np.asarray(cv2.resize(grid, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC))


def film_pair(
    onset: np.ndarray, apex: np.ndarray, rng: np.random.Generator, max_noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """What a camera makes of two luminance frames: one blur and one compression for both, noise and light for each."""
    blur = float(rng.uniform(0, 1.3))
    noise = float(np.exp(rng.uniform(np.log(0.15), np.log(max_noise))))
    grain = float(rng.uniform(0.0, 0.9))
    quality = int(rng.integers(55, 97)) if rng.random() < 0.4 else 0
    gain, level = float(rng.uniform(0.55, 1.1)), float(rng.uniform(-10, 30))
    flicker = 0.02 * smooth_noise(rng, onset.shape, 4) * float(rng.exponential(0.5))
    pictures = []
    for image, light in ((onset, 1.0), (apex, 1.0 + flicker)):
        frame: np.ndarray = image * light * gain + level
        if blur > 0.3:
            frame = cv2.GaussianBlur(frame, (0, 0), blur)
        rough = rng.standard_normal(frame.shape, dtype=np.float32)
        if grain > 0.3:
            rough = cv2.GaussianBlur(rough, (0, 0), grain) * (1 + 2 * grain)
        frame = np.clip(frame + noise * rough, 0, 255)
        if quality:
            written = cv2.imencode(".jpg", frame.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            frame = np.asarray(cv2.imdecode(written, cv2.IMREAD_GRAYSCALE))
        pictures.append(np.asarray(frame, np.float32))
    return pictures[0], pictures[1]


def estimate(
    onset: np.ndarray, apex: np.ndarray, rng: np.random.Generator, mask: np.ndarray, *, registered: bool
) -> np.ndarray:
    """Flow (H, W, 2) by the service's method with parameters drawn about its own, so that no single smoothness is
    learnt."""
    parameters = DisParameters() if rng.random() < 0.25 else DisParameters(
        patch_size=8, patch_stride=int(rng.choice([3, 4, 5])), gradient_descent_iterations=12,
        refinement_iterations=int(rng.choice([3, 5])), smoothness=float(np.exp(rng.uniform(np.log(10), np.log(80)))),
    )  # fmt: skip
    flow = dis_flow(
        onset, match_exposure(apex, onset, mask, window_px=MicroExpressionSpec().exposure_window_px), parameters
    )
    if registered:
        flow = flow - head_motion(flow, mask).field
    if rng.random() < 0.4:
        channels = [cv2.medianBlur(np.ascontiguousarray(flow[..., k]), 5) for k in (0, 1)]
        flow = np.dstack(channels)
    return flow


def estimate_tvl1(pairs: list[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator) -> np.ndarray:
    """One person's pairs of (H, W) luminance -> flow (n, h, w, 2) by TV-L1, resolution and attachment drawn about the
    published ones: they are not known exactly."""
    scale = float(rng.choice([0.4, 0.55, 0.75], p=[0.4, 0.35, 0.25]))
    attachment = float(np.exp(rng.uniform(np.log(0.08), np.log(0.5))))
    frames = [
        np.stack([cv2.resize(pair[k], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for pair in pairs])
        for k in (0, 1)
    ]
    return tvl1_flow(frames[0], frames[1], TvL1Parameters(attachment=attachment))


def to_image(flow: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 2) -> (28, 28, 3) uint8; resized by area (as the service) or by points, since the published code did not
    say."""
    stacked = np.dstack([flow, optical_strain(flow)])
    how = cv2.INTER_AREA if rng.random() < 0.6 else cv2.INTER_LINEAR
    small = cv2.resize(stacked, (28, 28), interpolation=how)
    low = small.min((0, 1))
    span = np.maximum(small.max((0, 1)) - low, 1e-6)
    return np.asarray(np.rint((small - low) / span * 255), np.uint8)


def head_units(rng: np.random.Generator) -> dict[str, float]:
    """Small turns of the head, radians."""
    size = float(np.exp(rng.normal(-0.6, 0.7)))
    turn, nod = np.deg2rad(rng.normal(0, 0.15 * size, 2))
    return {"headTurn": float(turn), "headNod": float(nod)}


def simulate_person(
    studio: MotionStudio, config: SimulationConfig, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One person -> images (per_person, 28, 28, 3) uint8 and labels (per_person,)."""
    face: FaceMotion = studio.draw(rng, framing=draw_framing(config, rng))
    labels = rng.choice(3, config.per_person, p=config.class_shares)
    movements = []
    for label in labels.tolist():
        scale = config.amplitude * float(np.exp(rng.normal(0, config.amplitude_spread)))
        movement = {name: amount * scale for name, amount in draw_movement(label, rng).items()}
        for name, amount in draw_nuisance(rng).items():
            movement[name] = movement.get(name, 0.0) + amount
        movement.update(head_units(rng))
        movements.append(movement)
    displacement = face.displacement(movements)
    grey = luminance(face.onset)
    mask = face_ellipse(studio.spec)
    images = np.zeros((config.per_person, 28, 28, 3), np.uint8)
    height, width = grey.shape
    published = rng.random(config.per_person) < config.tvl1_share
    waiting = []
    for index, field in enumerate(displacement):
        # The camera or the chair: the whole picture shifts a little.
        whole = np.array([[1.0, 0.0, rng.normal(0, 0.25)], [0.0, 1.0, rng.normal(0, 0.25)]])
        field = field + similarity_field(whole, width=width, height=height)
        onset, apex = film_pair(grey, warp_forward(grey, field), rng, config.max_noise)
        if published[index]:
            waiting.append((onset, apex))
            continue
        flow = estimate(onset, apex, rng, mask, registered=bool(rng.random() < config.registered_share))
        images[index] = to_image(flow, rng)
    if waiting:
        for row, flow in zip(np.flatnonzero(published), estimate_tvl1(waiting, rng), strict=True):
            images[row] = to_image(flow, rng)
    return images, labels.astype(np.int64)


def simulate_people(
    spec: MicroExpressionSpec, config: SimulationConfig, *, people: Sequence[int], seed: int
) -> Iterator[dict[str, np.ndarray]]:
    """People by number -> {'flow' (n, 28, 28, 3), 'label' (n,), 'person' (n,)} each. A person depends on the seed and
    the number alone, so that parts can be made by several processes and joined."""
    cv2.setNumThreads(1)
    studio = MotionStudio(spec)
    try:
        for number in people:
            images, labels = simulate_person(studio, config, np.random.default_rng([seed, number]))
            yield {"flow": images, "label": labels, "person": np.full(len(labels), number)}
    finally:
        studio.close()
