"""Pairs of frames from one photograph: nothing moves but head and camera, or a part of the face by a known distance.

What the trust in a motion is fixed and judged on. A photograph is a face at rest; a second frame of it is the same
picture saved, filmed or framed otherwise, and where something moves, warped by a smooth field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from face.landmarks.found_face import Face
from face.microexpression.head_motion import MESH_POINTS, similarity_field
from model_training.microexpression.simulation.simulated_flow import warp_forward
from model_training.simulator.sensor import encode_jpeg

# Landmark, direction, width and height of the bump (sigma in inter-ocular distances).
Bump = tuple[int, float, float, float, float]
MOVES: dict[str, tuple[Bump, ...]] = {
    "smile": ((61, -0.6, -0.8, 0.18, 0.16), (291, 0.6, -0.8, 0.18, 0.16)),
    "smirk": ((291, 0.6, -0.8, 0.18, 0.16),),
    "brow_raise": ((105, 0, -1, 0.24, 0.11), (334, 0, -1, 0.24, 0.11)),
    "one_brow": ((105, 0, -1, 0.24, 0.11),),
    "brow_knit": ((107, 0.5, 0.9, 0.20, 0.11), (336, -0.5, 0.9, 0.20, 0.11)),
    "chin_raise": ((17, 0, -1, 0.22, 0.12), (152, 0, -0.8, 0.25, 0.20)),
    "lip_press": ((0, 0, 1, 0.25, 0.06), (17, 0, -1, 0.25, 0.06)),
    "sneer": ((48, 0, -1, 0.10, 0.15), (278, 0, -1, 0.10, 0.15)),
}

Frames = tuple[np.ndarray, np.ndarray]
Change = Callable[[np.ndarray, Face, np.random.Generator], Frames]


@dataclass(frozen=True)
class Camera:
    """What a frame goes through: lens (sigma of the blur, pixels), sensor (grey levels, and sigma of its grain) and
    JPEG quality, None for none."""

    blur_px: float
    noise: float
    grain_px: float
    quality: int | None

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Camera:
        return cls(
            blur_px=float(rng.uniform(0, 1)),
            noise=float(np.exp(rng.uniform(np.log(0.5), np.log(3)))),
            grain_px=float(rng.uniform(0, 0.9)),
            quality=int(rng.integers(70, 97)) if rng.random() < 0.6 else None,
        )

    def film(self, rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        seen = cv2.GaussianBlur(rgb, (0, 0), self.blur_px) if self.blur_px > 0.3 else rgb
        seen = noisy(seen, self.noise, rng, grain_px=self.grain_px)
        return seen if self.quality is None else saved(seen, self.quality)


def noisy(rgb: np.ndarray, deviation: float, rng: np.random.Generator, *, grain_px: float = 0.0) -> np.ndarray:
    rough = rng.standard_normal(rgb.shape, dtype=np.float32)
    if grain_px > 0.3:
        rough = cv2.GaussianBlur(rough, (0, 0), grain_px) * (1 + 2 * grain_px)
    return np.asarray(np.clip(rgb + deviation * rough + 0.5, 0, 255), np.uint8)


def saved(rgb: np.ndarray, quality: int) -> np.ndarray:
    """Written and read as JPEG."""
    written = np.frombuffer(encode_jpeg(rgb, quality), np.uint8)
    return np.ascontiguousarray(np.asarray(cv2.imdecode(written, cv2.IMREAD_COLOR))[..., ::-1])


def head_field(face: Face, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """(H, W, 2): a head that is held still as well as people can, up to about a degree and .03 eye distances."""
    height, width = shape
    turn = np.deg2rad(rng.normal(0, 0.4))
    scale = 1 + float(rng.normal(0, 0.004))
    matrix = np.array([[scale, -turn, 0.0], [turn, scale, 0.0]])
    centre = face.points[:, :2].mean(axis=0).astype(np.float64)
    matrix[:, 2] = centre - matrix[:, :2] @ centre + rng.normal(0, 0.015, 2) * face.interocular_px
    yaw, pitch = np.deg2rad(rng.normal(0, 0.8, 2))
    relief = _relief(face, shape)
    parallax = np.dstack([relief * np.float32(yaw), relief * np.float32(pitch)])
    return np.asarray(similarity_field(matrix, width=width, height=height) + parallax)


def _relief(face: Face, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) depth of the face in pixels of the photograph, smooth."""
    height, width = shape
    step = max(2, round(face.interocular_px / 12))
    columns, rows = np.meshgrid(np.arange(0, width, step), np.arange(0, height, step))
    mesh = face.points[:468]
    apart = (columns.ravel()[:, None] - mesh[:, 0]) ** 2 + (rows.ravel()[:, None] - mesh[:, 1]) ** 2
    reach = 2 * (0.07 * face.interocular_px) ** 2
    kernel = np.exp(-(apart - apart.min(axis=1, keepdims=True)) / reach)
    depth = (kernel @ mesh[:, 2] / kernel.sum(axis=1)).reshape(columns.shape).astype(np.float32)
    full = cv2.resize(cv2.GaussianBlur(depth, (0, 0), 1.5), (width, height))
    return np.asarray(full - np.median(full), np.float32)


def move_field(face: Face, shape: tuple[int, int], bumps: tuple[Bump, ...], *, percent: float) -> np.ndarray:
    """(H, W, 2) whose largest displacement is `percent` of the inter-ocular distance."""
    height, width = shape
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    field = np.zeros((height, width, 2), np.float32)
    for point, across, down, wide, high in bumps:
        x, y = face.points[point, :2]
        far = ((columns - x) / (wide * face.interocular_px)) ** 2 + ((rows - y) / (high * face.interocular_px)) ** 2
        field += np.exp(-far / 2)[..., None] * np.array([across, down], np.float32)
    largest = float(np.linalg.norm(field, axis=-1).max())
    return field * np.float32(percent / 100 * face.interocular_px / largest)


def moved_pair(rgb: np.ndarray, face: Face, move: str, percent: float, rng: np.random.Generator) -> Frames:
    """One of MOVES at a known size, filmed twice by one camera, the head not quite still."""
    camera = Camera.drawn(rng)
    field = head_field(face, rgb.shape[:2], rng) + move_field(face, rgb.shape[:2], MOVES[move], percent=percent)
    return camera.film(rgb, rng), camera.film(warp_forward(rgb, field), rng)


_EVEN = np.ones((1, 1), np.float32)


def _rest(rgb: np.ndarray, face: Face, rng: np.random.Generator) -> Frames:
    return _under_light(rgb, face, rng, (_EVEN, _EVEN))


def _under_light(rgb: np.ndarray, face: Face, rng: np.random.Generator, light: tuple[np.ndarray, np.ndarray]) -> Frames:
    """Two frames by one camera, the head not quite still, each pixel's brightness times `light` (broadcast to H, W)."""
    camera = Camera.drawn(rng)
    nearly_still = warp_forward(rgb, head_field(face, rgb.shape[:2], rng))
    onset, apex = (
        np.clip(frame * np.broadcast_to(lit, rgb.shape[:2])[..., None] + 0.5, 0, 255).astype(np.uint8)
        for frame, lit in zip((rgb, nearly_still), light, strict=True)
    )
    return camera.film(onset, rng), camera.film(apex, rng)


def _spot(rgb: np.ndarray, face: Face, rng: np.random.Generator) -> Frames:
    """A reflex or a shadow of .3 to 1.2 eye distances (sigma) that comes somewhere on the face, 10 to 40 %."""
    rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
    x, y = face.points[rng.integers(MESH_POINTS), :2]
    sigma = rng.uniform(0.3, 1.2) * face.interocular_px
    strength = rng.choice([-1, 1]) * rng.uniform(0.1, 0.4)
    lit = 1 + strength * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return _under_light(rgb, face, rng, (_EVEN, lit))


def _shadow(rgb: np.ndarray, face: Face, rng: np.random.Generator) -> Frames:
    """The edge of a shadow, .08 to .4 eye distances wide, that falls across the face and takes 10 to 30 %."""
    rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
    x, y = face.points[rng.integers(MESH_POINTS), :2]
    angle = rng.uniform(0, 2 * np.pi)
    across = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
    width = rng.uniform(0.08, 0.4) * face.interocular_px
    shaded = 1 - rng.uniform(0.1, 0.3) / (1 + np.exp(-across / width))
    return _under_light(rgb, face, rng, (_EVEN, shaded))


def _flicker(rgb: np.ndarray, face: Face, rng: np.random.Generator) -> Frames:
    """Lamps on alternating current under a rolling shutter: one to six bands of 2 to 10 % that wander."""
    rows = np.linspace(0, 2 * np.pi, len(rgb))[:, None]
    bands, strength = rng.uniform(1, 6), rng.uniform(0.02, 0.1)
    onset, apex = (1 + strength * np.sin(bands * rows + phase) for phase in rng.uniform(0, 2 * np.pi, 2))
    return _under_light(rgb, face, rng, (onset, apex))


def _compressed(rgb: np.ndarray, rng: np.random.Generator) -> Frames:
    if rng.random() < 0.2:
        return saved(rgb, 75), saved(rgb, 60)
    return rgb, saved(rgb, int(rng.choice([85, 75, 60, 40, 20])))


def _noisy(rgb: np.ndarray, rng: np.random.Generator) -> Frames:
    return rgb, noisy(rgb, float(rng.choice([2, 5, 10, 20])), rng)


def _smaller(rgb: np.ndarray, rng: np.random.Generator) -> Frames:
    scale = float(rng.choice([0.5, 0.25]))
    return rgb, cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _lit(rgb: np.ndarray, rng: np.random.Generator) -> Frames:
    if rng.random() < 0.5:
        lit = rgb * (1 + rng.choice([-0.25, 0.25]) * np.linspace(-1, 1, rgb.shape[1])[:, None])
    else:
        lit = rgb * rng.choice([0.7, 0.8, 1.2, 1.3]) + rng.choice([-10, 0, 10])
    return rgb, np.clip(lit, 0, 255).astype(np.uint8)


def _blurred(rgb: np.ndarray, face: Face, rng: np.random.Generator) -> Frames:
    sigma = float(rng.choice([0.7, 1, 2])) * max(1.0, face.interocular_px / 70)
    return rgb, cv2.GaussianBlur(rgb, (0, 0), sigma)


def _cropped(rgb: np.ndarray, face: Face, rng: np.random.Generator) -> Frames:
    low, high = face.points[:, :2].min(axis=0), face.points[:, :2].max(axis=0)

    def box(offset: np.ndarray) -> np.ndarray:
        left, top = np.maximum(0, (low + offset).astype(int))
        right, bottom = (high + offset).astype(int)
        return np.ascontiguousarray(rgb[top:bottom, left:right])

    return box(np.zeros(2)), box(rng.choice([-8, -4, 4, 8], 2))


def _whatever_face(change: Callable[[np.ndarray, np.random.Generator], Frames]) -> Change:
    return lambda rgb, _face, rng: change(rgb, rng)


# Kind -> the two frames of a photograph between which nothing moves but, at rest, the head.
NOTHING: dict[str, Change] = {
    "rest": _rest,
    "compression": _whatever_face(_compressed),
    "noise": _whatever_face(_noisy),
    "blur": _blurred,
    "size": _whatever_face(_smaller),
    "exposure": _whatever_face(_lit),
    "spot": _spot,
    "shadow": _shadow,
    "flicker": _flicker,
    "crop": _cropped,
}
