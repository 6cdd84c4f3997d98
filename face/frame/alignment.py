"""Photograph and face -> the canonical face: upright, both eyes at fixed places, with the way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face.frame.geometry import Similarity, fit_similarity
from face.landmarks.found_face import Face

# The canonical frame holds a face from the hairline to below the chin; its midline is the middle column.
CANONICAL_SIZE = (256, 320)  # width, height in pixels
CANONICAL_INTEROCULAR_PX = 96.0
CANONICAL_EYE_LINE_PX = 120.0
# (2, 2): the patient's right eye (left in the picture), then the left one.
CANONICAL_EYE_CENTRES: npt.NDArray[np.float64] = np.array(
    [
        [CANONICAL_SIZE[0] / 2 - CANONICAL_INTEROCULAR_PX / 2, CANONICAL_EYE_LINE_PX],
        [CANONICAL_SIZE[0] / 2 + CANONICAL_INTEROCULAR_PX / 2, CANONICAL_EYE_LINE_PX],
    ]
)
CANONICAL_EYE_CENTRES.setflags(write=False)


@dataclass(frozen=True, eq=False)
class AlignedFace:
    """A face in the canonical frame.

    image: (320, 256, 3) uint8 RGB; where the photograph ends, its edge pixels are repeated.
    to_canonical: photograph -> canonical frame; `to_canonical.inverse()` leads back.
    points: (478, 3) float32, the landmarks in canonical pixels, z scaled alike.
    """

    image: npt.NDArray[np.uint8]
    to_canonical: Similarity
    points: npt.NDArray[np.float32]


def align_face(rgb: npt.NDArray[np.uint8], face: Face) -> AlignedFace:
    """Bring the eye centres of `face` in `rgb` (H, W, 3) to their canonical places.

    Two points fix the similarity exactly. The eye corners barely move with expression or palsy, so nothing of an
    asymmetry is aligned away; and the mirrored photograph with the mirrored face gives the mirrored result.

    Raises:
        ValueError: the face was found in a picture of another size, or its eye centres coincide.
    """
    if rgb.shape[:2] != (face.image_height, face.image_width):
        raise ValueError(
            f"the face was found in a {face.image_width}x{face.image_height} picture, "
            f"this one is {rgb.shape[1]}x{rgb.shape[0]}"
        )
    to_canonical = fit_similarity(face.eye_centres, CANONICAL_EYE_CENTRES)
    points = np.empty_like(face.points)
    points[:, :2] = to_canonical.apply(face.points[:, :2])
    points[:, 2] = face.points[:, 2] * to_canonical.scale
    return AlignedFace(image=to_canonical.warp(rgb, CANONICAL_SIZE), to_canonical=to_canonical, points=points)
