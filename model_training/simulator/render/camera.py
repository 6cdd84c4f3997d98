"""Where the head stands before the camera, and the projection of its points to pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model_training.simulator.head.head import Head

# Model frame (z up, face along -y) to the camera's (y up, face along +z, towards the viewer).
MODEL_TO_CAMERA = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float64)

# The turning point of the head and the middle of the picture: behind and a little below the eyes (metres, model frame).
HEAD_CENTRE_M = np.array([0.0, 0.02, -0.022])

NEAR_M, FAR_M = 0.05, 5.0


@dataclass(frozen=True)
class Camera:
    """Head pose and framing.

    yaw_deg > 0: the patient turns to the own left; pitch_deg > 0: looks down; roll_deg > 0: the head tilts to the
    own right (anticlockwise in the picture). distance_m: camera to head. half_frame_m: half the picture's side at
    that distance. shift_m: (x, y) of the head's centre in the picture, right and up.
    """

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    distance_m: float = 1.0
    half_frame_m: float = 0.13
    shift_m: tuple[float, float] = (0.0, 0.0)

    def rotation(self) -> np.ndarray:
        """(3, 3) model frame -> camera frame: yaw, then pitch, then roll."""
        (cy, cp, cr), (sy, sp, sr) = (
            f(np.deg2rad([self.yaw_deg, self.pitch_deg, self.roll_deg])) for f in (np.cos, np.sin)
        )
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        return np.asarray(roll @ pitch @ yaw @ MODEL_TO_CAMERA)

    def model_view(self, head: Head, vertices: np.ndarray) -> np.ndarray:
        """(4, 4) model -> camera coordinates for this face; the camera looks along -z."""
        centre = head.eye_centres(vertices).mean(axis=0) + HEAD_CENTRE_M
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation()
        matrix[:3, 3] = -matrix[:3, :3] @ centre + np.array([*self.shift_m, -self.distance_m])
        return matrix

    def projection(self) -> np.ndarray:
        """(4, 4) OpenGL perspective matrix of the square picture."""
        focal = self.distance_m / self.half_frame_m
        matrix = np.zeros((4, 4))
        matrix[0, 0] = matrix[1, 1] = focal
        matrix[2, 2] = (FAR_M + NEAR_M) / (NEAR_M - FAR_M)
        matrix[2, 3] = 2 * FAR_M * NEAR_M / (NEAR_M - FAR_M)
        matrix[3, 2] = -1
        return matrix

    def project(self, head: Head, vertices: np.ndarray, *, size_px: int) -> np.ndarray:
        """(N, 3) model points of a face -> (N, 3) float32: x, y in pixels (y down), depth in metres before the
        camera."""
        model_view = self.model_view(head, vertices)
        points = vertices @ model_view[:3, :3].T + model_view[:3, 3]
        depth = -points[:, 2]
        focal_px = self.distance_m / self.half_frame_m * size_px / 2
        x = size_px / 2 + focal_px * points[:, 0] / depth
        y = size_px / 2 - focal_px * points[:, 1] / depth
        return np.stack([x, y, depth], axis=1).astype(np.float32)


def sample_camera(rng: np.random.Generator) -> Camera:
    """Mostly the frontal view of a clinical photograph, one picture in four turned further away."""
    spread = np.array([6.0, 5.0, 4.0]) if rng.random() < 0.7 else np.array([14.0, 9.0, 8.0])
    yaw, pitch, roll = np.clip(rng.normal(0, spread), -30, 30)
    shift = rng.normal(0, 0.007, 2)
    return Camera(
        yaw_deg=float(yaw),
        pitch_deg=float(pitch),
        roll_deg=float(roll),
        distance_m=float(rng.uniform(0.5, 1.6)),
        half_frame_m=float(rng.uniform(0.112, 0.17)),
        shift_m=(float(shift[0]), float(shift[1])),
    )
