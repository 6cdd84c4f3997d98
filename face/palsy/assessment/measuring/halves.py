"""Landmarks without the head's turn -> what can be measured on each half of the face, in one picture.

Written once, for the patient's right half; the left one is the right one of the mirrored points, so that a mirrored
photograph gets the same figures under the other side. Lengths are in the unit of the canonical frame; `scale.py` makes
them millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face.landmarks.found_face import LEFT_EYE_CORNERS, MIRROR_INDEX, RIGHT_EYE_CORNERS
from face.vocabulary import Side

# The patient's right. Middle of the brow's upper edge; margins of the lids above and below the pupil.
_BROW = (63, 105, 66)
_UPPER_LID, _LOWER_LID = (158, 159, 160), (144, 145, 153)
_LID_TOP, _LID_BOTTOM, _PUPIL, _OTHER_PUPIL = 159, 145, 468, 473
_IRIS_ACROSS = (469, 471)
_COMMISSURE, _OTHER_COMMISSURE = 61, 291
_UPPER_LIP, _ALA = (37, 39), 129
# Midline: philtrum's foot, base of the nose, lower lip's middle.
_PHILTRUM, _NOSE_BASE, _LOWER_LIP = 0, 2, 17
# Inner edge of the lips from the right corner over the top to the midline, and back below.
_INNER_LIPS = (78, 191, 80, 81, 82, 13, 14, 87, 178, 88, 95)
_LIPS_INSIDE = (13, 14)


@dataclass(frozen=True)
class Half:
    """One half of the face. Points are (outwards from the midline, down).

    brow_height: of the brow's middle over the line through both eye centres. fissure: opening between the lids. mrd1,
    mrd2: from the iris's centre to the upper and to the lower margin. iris: width of the ring that the landmark
    network draws; wider than the anatomical iris. commissure, upper_lip, ala: places. mouth_area: of the open mouth in
    this half. smile_angle: of the line from the lower lip's middle to the corner, in degrees against the midline.
    """

    brow_height: float
    fissure: float
    mrd1: float
    mrd2: float
    iris: float
    commissure: tuple[float, float]
    upper_lip: tuple[float, float]
    ala: tuple[float, float]
    mouth_area: float
    smile_angle: float


@dataclass(frozen=True)
class Halves:
    """Both halves and what lies between them.

    eye_distance, pupil_distance: between the eye centres (means of the canthi) and the irises' centres. mouth_width:
    from corner to corner. lips_apart: between the inner edges of the lips on the midline. philtrum: (x to the
    patient's left of the philtrum's foot, its angle against the midline in degrees, positive to the left).
    """

    left: Half
    right: Half
    eye_distance: float
    pupil_distance: float
    mouth_width: float
    lips_apart: float
    philtrum: tuple[float, float]

    def affected_first(self, affected: Side) -> tuple[Half, Half]:
        """(affected half, other half); affected: left or right."""
        return (self.left, self.right) if affected == "left" else (self.right, self.left)


def measure_halves(points: npt.NDArray[np.float32]) -> Halves:
    """points: (478, 3) in the canonical frame."""
    xy = points[:, :2].astype(np.float64)
    mirrored = xy[MIRROR_INDEX] * np.array([-1.0, 1.0])

    def distance(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
        return float(np.linalg.norm(a - b))

    tilt = xy[_PHILTRUM] - xy[_NOSE_BASE]
    return Halves(
        left=_right_half(mirrored),
        right=_right_half(xy),
        eye_distance=distance(*_eye_centres(xy)),
        pupil_distance=distance(xy[_PUPIL], xy[_OTHER_PUPIL]),
        mouth_width=distance(xy[_COMMISSURE], xy[_OTHER_COMMISSURE]),
        lips_apart=distance(xy[_LIPS_INSIDE[0]], xy[_LIPS_INSIDE[1]]),
        philtrum=(float(xy[_PHILTRUM, 0]), float(np.degrees(np.arctan2(tilt[0], tilt[1])))),
    )


def _eye_centres(xy: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return xy[list(RIGHT_EYE_CORNERS)].mean(axis=0), xy[list(LEFT_EYE_CORNERS)].mean(axis=0)


def _right_half(xy: npt.NDArray[np.float64]) -> Half:
    def mean(landmarks: tuple[int, ...]) -> npt.NDArray[np.float64]:
        return np.asarray(xy[list(landmarks)].mean(axis=0))

    def place(point: npt.NDArray[np.float64]) -> tuple[float, float]:
        return -float(point[0]), float(point[1])

    brow = mean(_BROW)
    eye, other_eye = _eye_centres(xy)
    slope = (other_eye[1] - eye[1]) / (other_eye[0] - eye[0])
    canthal_line = eye[1] + slope * (brow[0] - eye[0])
    inner = xy[list(_INNER_LIPS)]
    corner, lower_lip = place(xy[_COMMISSURE]), place(xy[_LOWER_LIP])
    to_corner = corner[0] - lower_lip[0], lower_lip[1] - corner[1]
    return Half(
        brow_height=float(canthal_line - brow[1]),
        fissure=float(np.linalg.norm(mean(_UPPER_LID) - mean(_LOWER_LID))),
        mrd1=float(np.linalg.norm(xy[_PUPIL] - xy[_LID_TOP])),
        mrd2=float(np.linalg.norm(xy[_PUPIL] - xy[_LID_BOTTOM])),
        iris=float(np.linalg.norm(xy[_IRIS_ACROSS[0]] - xy[_IRIS_ACROSS[1]])),
        commissure=corner,
        upper_lip=place(mean(_UPPER_LIP)),
        ala=place(xy[_ALA]),
        mouth_area=_area(inner),
        smile_angle=float(np.degrees(np.arctan2(to_corner[0], to_corner[1]))),
    )


def _area(polygon: npt.NDArray[np.float64]) -> float:
    """Shoelace formula; (N, 2) -> area."""
    x, y = polygon.T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))
