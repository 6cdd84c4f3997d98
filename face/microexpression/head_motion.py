"""What a head does that moves as a whole: the part of the flow that is no expression.

`head_motion` fits a similarity, and with a depth map the parallax of a small turn and nod, to a flow field; robustly,
since a facial movement is local and is left over as an outlier. It is the null hypothesis that movement_evidence.py
tests. Fields are (H, W, 2), (u, v) in crop pixels from onset to apex.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from face.landmarks.found_face import Face
from face.microexpression.flow import FloatArray

MESH_POINTS = 468  # without the irises, which have no depth of their own
DEPTH_GRID_PX = 8


@dataclass(frozen=True, eq=False)
class HeadMotion:
    """similarity: (2, 3), p -> p' in pixel indices. parallax: (turn, nod), pixels across and down for each pixel of
    depth; nothing without a depth map. field: all of it, (H, W, 2)."""

    similarity: npt.NDArray[np.float64]
    parallax: tuple[float, float]
    field: FloatArray

    @property
    def turn_deg(self) -> float:
        """Out of the picture's plane: where depth has the scale of the landmarks, by the tangent of the angle."""
        return float(np.degrees(np.arctan(np.hypot(*self.parallax))))


def head_motion(
    flow: FloatArray, weight: FloatArray, *, depth: FloatArray | None = None, iterations: int = 6
) -> HeadMotion:
    """The head's motion that most of the flow (H, W, 2) agrees on, over pixels weighted by `weight` (H, W).

    Robust least squares (Geman-McClure weights, scale from the median residual) of (u, v) = (t_x + a x - b y + c z,
    t_y + b x + a y + d z); z: `depth` (H, W), a face's relief in crop pixels; without it c = d = 0.
    """
    height, width = flow.shape[:2]
    step = max(1, width // 36)
    rows, columns = np.mgrid[0:height:step, 0:width:step]
    weights = weight[::step, ::step].ravel().astype(np.float64)
    x = columns.ravel() - (width - 1) / 2
    y = rows.ravel() - (height - 1) / 2
    zero, one = np.zeros_like(x), np.ones_like(x)
    across, down = [one, zero, x, -y], [zero, one, y, x]
    if depth is not None:
        z = depth[::step, ::step].ravel().astype(np.float64)
        across, down = [*across, z, zero], [*down, zero, z]
    system = np.concatenate([np.stack(across, 1), np.stack(down, 1)])
    target = np.concatenate([flow[::step, ::step, 0].ravel(), flow[::step, ::step, 1].ravel()]).astype(np.float64)
    robust = np.ones(len(x))
    solution = np.zeros(system.shape[1])
    for _ in range(iterations):
        both = np.tile(weights * robust, 2)
        solution = np.linalg.solve(
            (system * both[:, None]).T @ system + 1e-9 * np.eye(len(solution)), (system * both[:, None]).T @ target
        )
        residual = (target - system @ solution).reshape(2, -1)
        length = np.hypot(residual[0], residual[1])
        scale = max(1.5 * float(np.median(length[weights > weights.max() * 0.2])), 0.02)
        robust = 1.0 / (1.0 + (length / scale) ** 2) ** 2
    shift_x, shift_y, stretch, turn = solution[:4]
    matrix = np.array([[1 + stretch, -turn, 0.0], [turn, 1 + stretch, 0.0]])
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix[:, 2] = np.array([shift_x, shift_y]) + centre - matrix[:, :2] @ centre
    field = similarity_field(matrix, width=width, height=height)
    if depth is None:
        return HeadMotion(matrix, (0.0, 0.0), field)
    parallax = (float(solution[4]), float(solution[5]))
    return HeadMotion(matrix, parallax, field + depth[..., None] * np.array(parallax, np.float32))


def similarity_field(matrix: npt.NDArray[np.float64], *, width: int, height: int) -> FloatArray:
    """(2, 3) matrix -> the flow (height, width, 2) that it is."""
    columns, rows = np.arange(width), np.arange(height)[:, None]
    field = np.empty((height, width, 2), np.float32)
    for axis, moved in enumerate((columns, rows)):
        across, down, shift = matrix[axis]
        field[..., axis] = across * columns + down * rows + shift - moved
    return field


def depth_map(face: Face, points: npt.NDArray[np.float64], scale: float, *, width: int, height: int) -> FloatArray:
    """The face's relief in the crop, (height, width) float32 crop pixels, median 0, larger away from the camera.

    points: the landmarks (478, 2) in the crop; scale: crop pixels per photograph pixel. Kernel regression over the
    mesh; beyond the face the nearest landmarks continue.
    """
    columns, rows = np.meshgrid(
        np.arange(DEPTH_GRID_PX / 2, width, DEPTH_GRID_PX), np.arange(DEPTH_GRID_PX / 2, height, DEPTH_GRID_PX)
    )
    mesh = points[:MESH_POINTS].astype(np.float32)
    depth = face.points[:MESH_POINTS, 2] * np.float32(scale)
    apart = (columns.ravel().astype(np.float32)[:, None] - mesh[:, 0]) ** 2
    apart += (rows.ravel().astype(np.float32)[:, None] - mesh[:, 1]) ** 2
    kernel = np.exp(-(apart - apart.min(axis=1, keepdims=True)) / np.float32(2 * (width / 32) ** 2))
    relief = (kernel @ depth / kernel.sum(axis=1)).reshape(columns.shape).astype(np.float32)
    full = cv2.resize(relief, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(full - np.median(relief), np.float32)


def carried_back(apex: FloatArray, field: FloatArray) -> FloatArray:
    """The apex (H, W) as seen at the onset: what lies at (x + u, y + v) comes to (x, y)."""
    height, width = apex.shape
    x = np.arange(width, dtype=np.float32) + field[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + field[..., 1]
    return np.asarray(cv2.remap(apex, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))
