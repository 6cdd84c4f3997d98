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


def distances(faces: Sequence[npt.NDArray[np.float64]], within_person: npt.NDArray[np.float64]) -> list[float]:
    """Squared Mahalanobis distance of each face's proportions from the median of the others."""
    inverse = np.linalg.inv(within_person)
    found = []
    for index, face in enumerate(faces):
        others = np.median([other for number, other in enumerate(faces) if number != index], axis=0)
        found.append(float((face - others) @ inverse @ (face - others)))
    return found


def check_same_face(pictures: Mapping[Pose, SessionPicture], numbers: FittedNumbers) -> SameFace | None:
    if len(pictures) < _FEWEST:
        return None
    faces = [proportions(picture) - numbers.pose_offsets[pose] for pose, picture in pictures.items()]
    found = distances(faces, numbers.within_person)
    farthest = int(np.argmax(found))
    doubtful = found[farthest] > numbers.doubtful_above
    return SameFace(doubtful=doubtful, farthest=list(pictures)[farthest] if doubtful else None)
