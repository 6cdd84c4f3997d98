"""One face of one photograph: its 478 landmarks and the head's pose; and which face of several is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from face.errors import MultipleFaces, NoFace
from face.landmarks.mirror_table import LANDMARK_PAIRS
from face.vocabulary import FacePolicy

LANDMARK_COUNT = 478


def _mirror_index() -> npt.NDArray[np.intp]:
    index = np.arange(LANDMARK_COUNT)
    right, left = np.array(LANDMARK_PAIRS).T
    index[right], index[left] = left, right
    index.setflags(write=False)
    return index


# (478,): MIRROR_INDEX[i] is the landmark at the same place on the other half of the face; an involution, midline points
# map to themselves.
MIRROR_INDEX: npt.NDArray[np.intp] = _mirror_index()

# Inner and outer corner of each eye; their mean is the eye centre, which unlike the pupil does not move with the gaze.
RIGHT_EYE_CORNERS = (33, 133)
LEFT_EYE_CORNERS = (362, 263)


@dataclass(frozen=True, eq=False)
class Face:
    """One face of one photograph.

    points: (478, 3) float32, x and y in pixels of the photograph (geometry.py has the convention), z in pixels scaled
        like x, smaller towards the camera; a landmark may lie outside the photograph.
    pose: (4, 4) float32, canonical face (centimetres, x to the patient's left, y up, z out of the face) -> camera
        space, with the camera at the origin looking along -z.
    """

    points: npt.NDArray[np.float32]
    pose: npt.NDArray[np.float32]
    image_width: int
    image_height: int

    def __post_init__(self) -> None:
        for name, shape in (("points", (LANDMARK_COUNT, 3)), ("pose", (4, 4))):
            if getattr(self, name).shape != shape:
                raise ValueError(f"Face.{name} must have shape {shape}, got {getattr(self, name).shape}")
        if self.image_width < 1 or self.image_height < 1:
            raise ValueError(f"Face needs the size of its photograph, got {self.image_width}x{self.image_height}")

    @property
    def eye_centres(self) -> npt.NDArray[np.float64]:
        """(2, 2) float64: the patient's right eye, then the left, each the mean of its two corners."""
        xy = self.points[:, :2].astype(np.float64)
        return np.stack([xy[list(RIGHT_EYE_CORNERS)].mean(axis=0), xy[list(LEFT_EYE_CORNERS)].mean(axis=0)])

    @property
    def interocular_px(self) -> float:
        """Distance of the eye centres on the photograph."""
        right, left = self.eye_centres
        return float(np.linalg.norm(left - right))

    @property
    def size_px(self) -> float:
        """Diagonal of the landmarks' bounding box, to compare faces of one photograph."""
        return float(np.linalg.norm(np.ptp(self.points[:, :2], axis=0)))

    def mirrored(self) -> Face:
        """The face that a perfectly mirror-symmetric detector would find in the mirrored photograph."""
        points = self.points[MIRROR_INDEX].copy()
        points[:, 0] = np.float32(self.image_width) - points[:, 0]
        flip = np.diag([-1.0, 1.0, 1.0, 1.0]).astype(np.float32)
        return Face(
            points=points,
            pose=(flip @ self.pose @ flip).astype(np.float32),
            image_width=self.image_width,
            image_height=self.image_height,
        )


def choose_face(faces: list[Face], *, policy: FacePolicy) -> Face:
    """The face to be judged.

    `single`: there must be exactly one. `largest`: the one that takes up most of the photograph.

    Raises:
        NoFace: the list is empty.
        MultipleFaces: several faces under the policy `single`.
        ValueError: unknown policy.
    """
    if policy not in get_args(FacePolicy):
        raise ValueError(f"policy must be {' or '.join(map(repr, get_args(FacePolicy)))}, got {policy!r}")
    if not faces:
        raise NoFace(
            "No face was found. The photograph should show one whole face from the front, "
            "upright, evenly lit and not covered."
        )
    if policy == "single" and len(faces) > 1:
        raise MultipleFaces(
            f"{len(faces)} faces were found. Crop the photograph to the patient, "
            "or ask for the largest face with face=largest."
        )
    return max(faces, key=lambda face: face.size_px)
