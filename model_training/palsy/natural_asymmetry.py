"""The asymmetry of healthy faces, added to other faces in training: to the landmarks and to the picture alike.

People are less even than simulated ones, and a grade must not follow from how.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from face.frame.alignment import CANONICAL_EYE_LINE_PX, CANONICAL_INTEROCULAR_PX, CANONICAL_SIZE
from face.frame.regions import MOSAIC_SIZE, REGION_BOXES
from face.landmarks.found_face import LEFT_EYE_CORNERS, MIRROR_INDEX, RIGHT_EYE_CORNERS
from face.vocabulary import OUTLINED_REGIONS
from model_training.runtime.arrays import Arrays

Floats = npt.NDArray[np.float32]

# Nodes of a displacement field along each side of the mosaic, one every 16 pixels.
_NODES = 14
# Reach of a landmark's displacement on the skin around it, in inter-ocular distances.
_REACH = 0.12


def mirror_landmarks(landmarks: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(..., 478, 3) pose-corrected landmarks -> those of the mirrored face: x negated, partners exchanged."""
    return np.asarray(landmarks[..., MIRROR_INDEX, :] * np.asarray([-1, 1, 1], landmarks.dtype))


def asymmetric_part(landmarks: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(..., 478, 3) pose-corrected landmarks -> half of what they differ from their mirror image by, the same shape."""
    return np.asarray((landmarks - mirror_landmarks(landmarks)) / 2)


class NaturalAsymmetry:
    """landmarks: (N, 478, 3) pose-corrected ones of healthy faces; ValueError where there are none."""

    def __init__(self, landmarks: Floats) -> None:
        if not len(landmarks):
            raise ValueError("it is taken from healthy faces, but there are none")
        self.parts: Floats = asymmetric_part(landmarks).astype(np.float32)
        mean = landmarks.mean(axis=0, dtype=np.float64)
        self.fields = mosaic_fields(self.parts, (mean - asymmetric_part(mean))[:, :2])

    def add_to(self, sample: Mapping[str, Any], *, factor: float, which: int) -> Arrays:
        """The sample with `factor` times the asymmetry of healthy face `which`.

        landmarks (478, 3) move, and the picture, images (1, 224, 224), with them. Its true asymmetry_map is then no
        longer known: NaN.
        """
        out = dict(sample)
        if "landmarks" in out:
            out["landmarks"] = out["landmarks"] + np.float32(factor) * self.parts[which]
        if "images" in out:
            out["images"] = displaced(out["images"][0], np.float32(factor) * self.fields[which])[None]
        if "asymmetry_map" in out:
            out["asymmetry_map"] = np.full_like(out["asymmetry_map"], np.nan)
        return out


def mosaic_fields(parts: Floats, places: npt.NDArray[np.float64]) -> Floats:
    """(N, 478, 3) displacements of landmarks at `places` (478, 2), in inter-ocular distances -> (N, 14, 14, 2)
    displacements (x, y) of the mosaic, in its pixels: those of the landmarks around each node, the nearest most.

    The picture is aligned by its eyes, so what moves the eyes as a pair (a shift and a turn) is taken out first.
    """
    right, left = list(RIGHT_EYE_CORNERS), list(LEFT_EYE_CORNERS)
    eyes = np.stack([parts[:, right, :2].mean(axis=1), parts[:, left, :2].mean(axis=1)], axis=1)  # (N, 2, 2)
    shift = eyes.mean(axis=1)
    turn = eyes[:, 1, 1] - eyes[:, 0, 1]  # radians: the eye centres are one unit apart
    moved = parts[..., :2] - shift[:, None]
    moved[..., 0] += turn[:, None] * places[:, 1]
    moved[..., 1] -= turn[:, None] * places[:, 0]

    box = REGION_BOXES[OUTLINED_REGIONS[0]]
    step = MOSAIC_SIZE / _NODES
    x = (box.x + (np.arange(_NODES) + 0.5) * step - CANONICAL_SIZE[0] / 2) / CANONICAL_INTEROCULAR_PX
    y = (box.y + (np.arange(_NODES) + 0.5) * step - CANONICAL_EYE_LINE_PX) / CANONICAL_INTEROCULAR_PX
    nodes = np.stack(np.meshgrid(x, y), axis=-1)  # (rows, columns, 2)
    squares = ((nodes[:, :, None] - places) ** 2).sum(axis=-1) / (2 * _REACH**2)
    weights = np.exp(squares.min(axis=-1, keepdims=True) - squares)  # relative to the nearest, which never vanishes
    weights /= weights.sum(axis=-1, keepdims=True)
    fields = np.einsum("rcp,npd->nrcd", weights, moved, optimize=True) * CANONICAL_INTEROCULAR_PX
    return np.asarray(fields, dtype=np.float32)


_ROWS, _COLUMNS = np.mgrid[:MOSAIC_SIZE, :MOSAIC_SIZE].astype(np.float32)


def displaced(image: npt.NDArray[np.uint8], field: Floats) -> npt.NDArray[np.uint8]:
    """(224, 224) uint8 moved by a field (14, 14, 2) of displacements in pixels; edges repeated."""
    dense = cv2.resize(field, (MOSAIC_SIZE, MOSAIC_SIZE), interpolation=cv2.INTER_LINEAR)
    moved = cv2.remap(
        np.ascontiguousarray(image),
        _COLUMNS - dense[..., 0],
        _ROWS - dense[..., 1],
        interpolation=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved, dtype=np.uint8)
