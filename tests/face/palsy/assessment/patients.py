"""Examinations without a renderer and without a detector: the landmarks where the simulated head has them."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np

from face.frame.regions import MOSAIC_SIZE
from face.landmarks.found_face import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS
from face.palsy.assessment.measuring.picture import SessionPicture
from face.palsy.assessment.measuring.signs import CLOSED_FISSURE_SHARE
from face.palsy.severity import RegionalSeverity
from face.vocabulary import POSES, Pose
from model_training.simulator.head.head import Head
from model_training.simulator.patient import Palsy, movement_weights
from model_training.simulator.poses import MOVEMENTS
from model_training.simulator.sessions.visit import true_landmarks

IRIS_RING_MM = 12.7
OPEN_FISSURE_MM = 10.0
# (first landmark of an iris, its eye's corners): the patient's right, then the left.
_IRISES = ((468, RIGHT_EYE_CORNERS), (473, LEFT_EYE_CORNERS))


@functools.cache
def mean_head() -> Head:
    return Head.load()


def grade_probabilities(grade: float) -> np.ndarray:
    """(6,) with this expected grade, on the two nearest grades."""
    low = min(4, int(grade) - 1)
    probabilities = np.zeros(6)
    probabilities[low], probabilities[low + 1] = low + 2 - grade, grade - low - 1
    return probabilities


def patient(
    palsy: Palsy,
    *,
    poses: Iterable[Pose] = POSES,
    effort: float = 1.0,
    grades: dict[Pose, float] | None = None,
    side: str = "left",
    size: float = 1.0,
) -> dict[Pose, SessionPicture]:
    """The person's mean face under a palsy in each pose. grades: what the network says of each picture; the palsy's own
    otherwise. size: of the face, all else the same."""
    return {
        pose: picture(
            palsy, pose, effort=effort, grade=(grades or {}).get(pose, float(palsy.grade)), side=side, size=size
        )
        for pose in poses
    }


def picture(
    palsy: Palsy,
    pose: Pose,
    *,
    effort: float = 1.0,
    grade: float = 1.0,
    side: str = "left",
    size: float = 1.0,
    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> SessionPicture:
    head = mean_head()
    weights = movement_weights(MOVEMENTS[pose], palsy, effort=effort)
    points = true_landmarks(head.deform(head.mean, weights))
    _close_lids(points, weights)
    points *= np.float32(size)
    ring = IRIS_RING_MM * size
    for first, corners in _IRISES:
        centre = points[list(corners)].mean(axis=0)
        offsets = np.array([[0, 0, 0], [ring / 2, 0, 0], [0, -ring / 2, 0], [-ring / 2, 0, 0], [0, ring / 2, 0]])
        points[first : first + 5] = centre + offsets
    points *= np.array(stretch, np.float32)
    unit_mm = np.linalg.norm(points[list(LEFT_EYE_CORNERS)].mean(axis=0) - points[list(RIGHT_EYE_CORNERS)].mean(axis=0))
    sides = {"left": (0.9, 0.05, 0.05), "right": (0.05, 0.9, 0.05), "none": (0.1, 0.1, 0.8)}[side]
    return SessionPicture(
        points=(points / unit_mm).astype(np.float32),
        image=np.full((1, MOSAIC_SIZE, MOSAIC_SIZE), 128, np.uint8),
        probabilities=grade_probabilities(grade),
        side_probabilities=np.array(sides),
        yaw_deg=0.0,
        pitch_deg=0.0,
    )


def _close_lids(points: np.ndarray, weights: dict[str, float]) -> None:
    """In place. The lid margins of the head's landmarks do not meet; a detector's keep a trace of an opening too."""
    for side, upper, lower in (("Right", (158, 159, 160), (144, 145, 153)), ("Left", (385, 386, 387), (373, 374, 380))):
        opening = OPEN_FISSURE_MM * (
            CLOSED_FISSURE_SHARE + (1 - CLOSED_FISSURE_SHARE) * (1 - weights.get(f"eyeBlink{side}", 0.0))
        )
        middle = points[list(upper + lower), 1].mean()
        points[list(upper), 1], points[list(lower), 1] = middle - opening / 2, middle + opening / 2


def left_palsy(forehead: float, eye: float, nose: float, mouth: float) -> Palsy:
    return Palsy({"Left": RegionalSeverity(forehead=forehead, eye=eye, nose=nose, mouth=mouth)}, synkinesis=0.0)
