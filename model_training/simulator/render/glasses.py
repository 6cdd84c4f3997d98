"""Frames of glasses as triangles, fitted to a face: two rims, a bridge, two temples and two lenses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RIM_STEPS = 28
SECTION_STEPS = 4

FRAME, LENS = 6, 7


@dataclass(frozen=True)
class FrameShape:
    """Half width, half height (metres), squareness (2 an ellipse, more a rounded box) and tube radius of a frame."""

    half_width_m: float
    half_height_m: float
    squareness: float
    tube_m: float


FRAMES = (
    FrameShape(0.0245, 0.0185, 3.2, 0.0011),
    FrameShape(0.0235, 0.0225, 2.0, 0.0008),
    FrameShape(0.0255, 0.0170, 4.5, 0.0018),
    FrameShape(0.0265, 0.0215, 2.6, 0.0014),
)


@dataclass(frozen=True, eq=False)
class Glasses:
    """positions, normals: (G, 3) in the model frame; material: (G,) FRAME or LENS; triangles: (T, 3), lenses last."""

    positions: np.ndarray
    normals: np.ndarray
    material: np.ndarray
    triangles: np.ndarray


def fit_glasses(
    shape: FrameShape, eye_centres: np.ndarray, *, front_m: float, ear_y_m: float, half_head_m: float
) -> Glasses:
    """Put a frame before the eyes.

    eye_centres: (2, 3) left and right; front_m: y of the front of the nose root (negative: forward);
    ear_y_m: y where the temples end; half_head_m: x of the temples at the ears.
    """
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, int]] = []
    middle = eye_centres.mean(axis=0)
    plane = front_m - 0.006
    half_gap = float(abs(eye_centres[0, 0] - eye_centres[1, 0])) / 2
    turn = np.linspace(0, 2 * np.pi, RIM_STEPS, endpoint=False)
    power = 2 / shape.squareness
    outline = np.stack(
        [
            shape.half_width_m * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power,
            np.full(RIM_STEPS, 0.0),
            shape.half_height_m * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power,
        ],
        axis=1,
    )
    lenses = []
    for sign in (1.0, -1.0):
        centre = np.array([middle[0] + sign * max(half_gap, shape.half_width_m + 0.006), plane, middle[2] - 0.003])
        rim = outline + centre
        # Lenses follow the curve of the face: the outer edge lies further back.
        rim[:, 1] += 0.10 * np.clip(sign * (rim[:, 0] - centre[0]), 0, None)
        parts.append((*_tube(rim, shape.tube_m, closed=True), FRAME))
        hinge = rim[np.argmax(sign * rim[:, 0])] + np.array([0, 0, 0.4 * shape.half_height_m])
        ear = np.array([sign * half_head_m, ear_y_m, middle[2] + 0.002])
        temple = np.linspace(hinge, [sign * (half_head_m - 0.002), plane + 0.03, hinge[2]], 3)
        parts.append((*_tube(np.concatenate([temple, ear[None]]), shape.tube_m, closed=False), FRAME))
        lenses.append(rim)
    inner = [rim[np.argmin(sign * rim[:, 0])] for sign, rim in zip((1.0, -1.0), lenses, strict=True)]
    bridge = np.linspace(inner[0], inner[1], 5)
    bridge[:, 2] += 0.004 * np.sin(np.linspace(0, np.pi, 5)) + 0.002
    parts.append((*_tube(bridge, shape.tube_m, closed=False), FRAME))
    parts.extend((*_fan(rim), LENS) for rim in lenses)
    return _join(parts)


def _tube(path: np.ndarray, radius_m: float, *, closed: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A tube of square section round a path (P, 3)."""
    ahead = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    if not closed:
        ahead[0], ahead[-1] = path[1] - path[0], path[-1] - path[-2]
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    # Any direction that no part of a frame runs along serves as the reference of the section.
    first = np.cross(ahead, np.array([0.31, 0.73, 0.61]))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(ahead, first)
    around = np.arange(SECTION_STEPS) * 2 * np.pi / SECTION_STEPS
    normals = np.cos(around)[None, :, None] * first[:, None] + np.sin(around)[None, :, None] * second[:, None]
    positions = path[:, None] + radius_m * normals
    count = len(path)
    triangles = []
    for step in range(count if closed else count - 1):
        here, there = step * SECTION_STEPS, (step + 1) % count * SECTION_STEPS
        for corner in range(SECTION_STEPS):
            after = (corner + 1) % SECTION_STEPS
            triangles += [
                (here + corner, there + corner, there + after),
                (here + corner, there + after, here + after),
            ]
    return positions.reshape(-1, 3), normals.reshape(-1, 3), np.array(triangles)


def _fan(rim: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A lens: a slightly bulging fan inside a rim (P, 3)."""
    centre = rim.mean(axis=0) - np.array([0, 0.002, 0])
    positions = np.concatenate([centre[None], rim])
    normals = (positions - centre) * np.array([8.0, 0, 8.0]) + np.array([0, -1.0, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    steps = np.arange(len(rim))
    triangles = np.stack([np.zeros_like(steps), 1 + steps, 1 + (steps + 1) % len(rim)], axis=1)
    return positions, normals, triangles


def _join(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, int]]) -> Glasses:
    offset, triangles = 0, []
    for positions, _, part_triangles, _ in parts:
        triangles.append(part_triangles + offset)
        offset += len(positions)
    return Glasses(
        positions=np.concatenate([part[0] for part in parts]).astype(np.float32),
        normals=np.concatenate([part[1] for part in parts]).astype(np.float32),
        material=np.concatenate([np.full(len(part[0]), part[3], np.float32) for part in parts]),
        triangles=np.concatenate(triangles).astype(np.int32),
    )
