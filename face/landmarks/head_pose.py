"""Landmarks on the picture -> the head's place and turn before the camera, as MediaPipe's Face Landmarker gives them.

Its face geometry module (Apache-2.0; metadata inside face_landmarker.task) takes 33 points that hardly move with the
face and a pinhole camera with a vertical field of view of 63 degrees. Twice it finds the scale at which the canonical
face fits the points, first as seen and then with the perspective taken out, and last the pose, each by a weighted
orthogonal Procrustes problem (Umeyama, IEEE TPAMI 13:376, 1991).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from face.landmarks.found_face import LANDMARK_COUNT, MIRROR_INDEX

_Array = npt.NDArray[np.float64]

_FIELD_OF_VIEW_DEG = 63.0
# (landmark, weight, (x, y, z) of the canonical face in centimetres, x to the patient's left, y up, z out of the face);
# midline and the patient's right, the left is their mirror image.
_MIDLINE_AND_RIGHT: tuple[tuple[int, float, tuple[float, float, float]], ...] = (
    (4, 0.07090994, (0.000000, -0.463170, 7.586580)),
    (6, 0.03210014, (0.000000, 2.473255, 5.788627)),
    (10, 0.00844655, (0.000000, 8.261778, 4.481535)),
    (33, 0.05872417, (-4.445859, 2.663991, 3.173422)),
    (54, 0.00766708, (-6.279331, 6.615427, 1.425850)),
    (67, 0.00907806, (-3.523964, 8.005976, 3.729163)),
    (117, 0.00979194, (-5.258659, 0.945811, 2.974312)),
    (119, 0.01456537, (-3.300681, 0.861641, 3.872784)),
    (121, 0.01859136, (-1.820731, 1.467954, 4.224124)),
    (127, 0.00519799, (-7.743095, 2.364999, -2.005167)),
    (129, 0.12062521, (-1.785794, -0.978284, 4.850470)),
    (132, 0.00556002, (-7.270895, -2.890917, -2.252455)),
    (133, 0.05328618, (-1.856432, 2.585245, 3.757904)),
    (136, 0.06689046, (-5.085276, -7.178590, 0.714711)),
    (143, 0.01481655, (-6.407571, 2.236021, 1.560843)),
    (147, 0.01426283, (-6.234883, -1.944430, 1.663542)),
    (198, 0.02546219, (-1.246815, 0.230297, 5.681036)),
    (205, 0.04725228, (-3.832928, -1.537326, 4.137731)),
)


def _basis() -> tuple[npt.NDArray[np.intp], _Array, _Array]:
    rows = list(_MIDLINE_AND_RIGHT)
    rows += [(int(MIRROR_INDEX[at]), weight, (-x, y, z)) for at, weight, (x, y, z) in _MIDLINE_AND_RIGHT if x]
    landmarks, weights, places = zip(*rows, strict=True)
    return np.array(landmarks, dtype=np.intp), np.array(weights), np.array(places)


_LANDMARKS, _WEIGHTS, _CANONICAL = _basis()


def head_pose(points: npt.NDArray[np.float32], *, width: int, height: int) -> npt.NDArray[np.float32]:
    """(478, 3) points in pixels of a picture of `width` x `height` -> (4, 4) float32, as `Face.pose`.

    Raises:
        ValueError: another shape of the points, or values that are not finite.
    """
    if points.shape != (LANDMARK_COUNT, 3) or not np.isfinite(points).all():
        raise ValueError(f"head_pose needs finite ({LANDMARK_COUNT}, 3) points, got shape {points.shape}")
    seen = points[_LANDMARKS].astype(np.float64)
    # The picture on the camera's near plane at distance 1, y up.
    near_height = 2.0 * math.tan(math.radians(_FIELD_OF_VIEW_DEG) / 2.0)
    near_width = near_height * width / height
    screen = np.stack(
        [
            (seen[:, 0] / width - 0.5) * near_width,
            (0.5 - seen[:, 1] / height) * near_height,
            seen[:, 2] / width * near_width,
        ],
        axis=1,
    )
    # The mean depth is that of all landmarks, not only of those that are fitted.
    mean_depth = float(points[:, 2].mean(dtype=np.float64)) / width * near_width
    as_seen = screen * [1.0, 1.0, -1.0]
    scale = _scale(_fit(as_seen))
    scale *= _scale(_fit(_without_perspective(screen, mean_depth, scale)))
    pose = _fit(_without_perspective(screen, mean_depth, scale))
    return pose.astype(np.float32)


def _without_perspective(screen: _Array, mean_depth: float, scale: float) -> _Array:
    depth = (screen[:, 2] - mean_depth + 1.0) / scale
    return np.stack([screen[:, 0] * depth, screen[:, 1] * depth, -depth], axis=1)


def _scale(transform: _Array) -> float:
    return float(np.linalg.norm(transform[:3, 0]))


def _fit(target: _Array) -> _Array:
    """(4, 4): the similarity that carries the canonical points onto `target` (33, 3), weighted."""
    total = _WEIGHTS.sum()
    source_centre = (_CANONICAL * _WEIGHTS[:, None]).sum(axis=0) / total
    source = _CANONICAL - source_centre
    u, _, vt = np.linalg.svd((target * _WEIGHTS[:, None]).T @ source)
    if np.linalg.det(u) * np.linalg.det(vt) < 0:
        u[:, 2] *= -1
    rotation = u @ vt
    weighted = source * _WEIGHTS[:, None]
    scale = float(((source @ rotation.T) * target * _WEIGHTS[:, None]).sum() / (weighted * _CANONICAL).sum())
    shift = ((target - scale * (_CANONICAL @ rotation.T)) * _WEIGHTS[:, None]).sum(axis=0) / total
    transform = np.eye(4)
    transform[:3, :3] = scale * rotation
    transform[:3, 3] = shift
    return transform
