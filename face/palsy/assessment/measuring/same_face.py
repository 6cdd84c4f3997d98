"""Do the photographs show one person? By rigid proportions, without recognising anybody.

Ten ratios of points that hardly move with the face are compared over the pictures of one request; nothing of them
leaves this module but a verdict. They notice gross mix-ups, not look-alikes: a warning, no proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face.palsy.assessment.fitted import FittedNumbers
from face.palsy.assessment.measuring.picture import SessionPicture
from face.vocabulary import Pose

# Pairs of landmarks whose distance counts, in distances of the eye centres: canthi, width of the face at three heights,
# forehead's width and height, length and depth of the nose's root.
_WIDTHS = ((133, 362), (33, 263), (234, 454), (127, 356), (93, 323), (54, 284), (10, 168), (168, 6))
# Depth of the nose's root and of the forehead before the eye corners.
_DEPTHS = ((168, 133), (9, 33))
RATIOS = len(_WIDTHS) + len(_DEPTHS)
# Three pictures are needed: of two that differ, neither is the odd one.
_FEWEST = 3
# Beyond it the far half's widths are guesses.
_MOST_TURNED_DEG = 20.0
# Exceeded by one in forty sets of six frames of one real person (docs/research/palsy/sessions.md). Simulated faces vary
# less from picture to picture, so that a limit from them doubts real people.
_DOUBTFUL_ABOVE = 145.0


@dataclass(frozen=True)
class SameFace:
    """consistent; doubtful: `farthest` is the picture unlike the others; None where fewer than three can be
    compared."""

    doubtful: bool
    farthest: Pose | None


def proportions(picture: SessionPicture) -> npt.NDArray[np.float64]:
    """(RATIOS,)"""
    points = picture.points.astype(np.float64)
    widths = [float(np.linalg.norm(points[a, :2] - points[b, :2])) for a, b in _WIDTHS]
    depths = [float(points[a, 2] - points[b, 2]) for a, b in _DEPTHS]
    return np.array([*widths, *depths]) / picture.halves.eye_distance


def distances(
    faces: Sequence[npt.NDArray[np.float64]], within_person: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """How far each face's proportions lie from the median of the others, squared, in standard deviations of one
    person's pictures. within_person: (RATIOS,)"""
    given = np.array(faces)
    others = np.array([np.median(np.delete(given, index, axis=0), axis=0) for index in range(len(given))])
    apart: npt.NDArray[np.float64] = (((given - others) / within_person) ** 2).sum(axis=1)
    return apart


def comparable(picture: SessionPicture) -> bool:
    return max(abs(picture.yaw_deg), abs(picture.pitch_deg)) <= _MOST_TURNED_DEG


def odd_one(faces: Sequence[npt.NDArray[np.float64]], within_person: npt.NDArray[np.float64]) -> int | None:
    """Index of the face unlike the others, None where all may be of one person."""
    found = distances(faces, within_person)
    farthest = int(np.argmax(found))
    return farthest if found[farthest] > _DOUBTFUL_ABOVE else None


def check_same_face(pictures: Mapping[Pose, SessionPicture], numbers: FittedNumbers) -> SameFace | None:
    compared = [pose for pose, picture in pictures.items() if comparable(picture)]
    if len(compared) < _FEWEST:
        return None
    faces = [proportions(pictures[pose]) - numbers.pose_offsets[pose] for pose in compared]
    odd = odd_one(faces, numbers.within_person)
    return SameFace(doubtful=odd is not None, farthest=None if odd is None else compared[odd])
