"""Canonical face -> the four regions that the models look at, as a 2x2 mosaic, and maps on it back to the photograph.

The boxes touch each other, so the mosaic is one continuous piece of the canonical face, from the middle of the forehead
to the chin's upper half, and its midline is the border between the left and the right boxes. Every path between mosaic
and photograph is therefore a single similarity: one resampling, exactly invertible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face.frame.alignment import CANONICAL_EYE_LINE_PX, CANONICAL_SIZE, AlignedFace
from face.frame.geometry import Similarity
from face.landmarks.found_face import MIRROR_INDEX
from face.vocabulary import (
    OUTLINED_REGIONS,
    REGIONS_OF_INTEREST,
    VISIBLE_REGIONS,
    OutlinedRegion,
    Region,
    RegionOfInterest,
)

REGION_SIZE = 112
MOSAIC_SIZE = 2 * REGION_SIZE


@dataclass(frozen=True)
class Box:
    """A rectangle of the canonical frame, in whole pixels."""

    x: int
    y: int
    width: int
    height: int


_MOSAIC_LEFT = CANONICAL_SIZE[0] // 2 - REGION_SIZE
# 74 px (0.77 interocular distances) above the eyes reaches the middle of the forehead also with raised brows.
_MOSAIC_TOP = int(CANONICAL_EYE_LINE_PX) - 74
# Eyes come with brow and lower forehead, lips with nasolabial fold and the side of the nose.
REGION_BOXES: dict[OutlinedRegion, Box] = {
    name: Box(_MOSAIC_LEFT + column * REGION_SIZE, _MOSAIC_TOP + row * REGION_SIZE, REGION_SIZE, REGION_SIZE)
    for name, (row, column) in zip(OUTLINED_REGIONS, ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True)
}

# Outlines by landmark, the patient's right half from top to bottom of the midline; the left half is added by mirroring.
# The forehead holds the brow, which the frontalis moves; the eye is what the orbicularis oculi moves; the mouth reaches
# to the nasolabial folds.
_FOREHEAD_RIGHT = (10, 109, 67, 103, 54, 21, 46, 53, 52, 65, 55, 8)
_NOSE_RIGHT = (168, 193, 188, 174, 198, 209, 129, 64, 98, 97, 2)
_MOUTH_RIGHT = (164, 165, 206, 216, 212, 202, 204, 194, 201, 200)
_RIGHT_EYE = (226, 113, 225, 224, 223, 222, 221, 189, 244, 233, 232, 231, 230, 229, 228, 31)
# Width of a mask's soft edge: the mask is sigmoid(signed distance / this), in canonical pixels.
_MASK_EDGE_PX = 4.0


def mosaic(aligned: AlignedFace) -> npt.NDArray[np.uint8]:
    """(224, 224, 3) uint8: the four regions in the order of OUTLINED_REGIONS. The mosaic of a mirrored photograph is
    the mirrored mosaic.
    """
    tiles = [aligned.image[box.y : box.y + box.height, box.x : box.x + box.width] for box in REGION_BOXES.values()]
    return np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])])


def photo_to_mosaic(aligned: AlignedFace, *, size: int = MOSAIC_SIZE) -> Similarity:
    """Photograph pixels -> pixels of a map of `size` x `size` that covers the mosaic."""
    if size < 1:
        raise ValueError(f"a map on the mosaic needs a size of at least 1, got {size}")
    to_mosaic = aligned.to_canonical.then(Similarity.translation(-_MOSAIC_LEFT, -_MOSAIC_TOP))
    return to_mosaic.then(Similarity.scaling(size / MOSAIC_SIZE))


def region_polygons(aligned: AlignedFace) -> dict[OutlinedRegion, npt.NDArray[np.float64]]:
    """Outline of each region on the photograph: (4, 2) points from the top left corner clockwise, as seen on the
    canonical face.
    """
    to_photo = aligned.to_canonical.inverse()
    return {
        name: to_photo.apply(
            [
                (box.x, box.y),
                (box.x + box.width, box.y),
                (box.x + box.width, box.y + box.height),
                (box.x, box.y + box.height),
            ]
        )
        for name, box in REGION_BOXES.items()
    }


def mosaic_map_to_photo(
    values: npt.NDArray[np.float32], aligned: AlignedFace, *, width: int, height: int
) -> npt.NDArray[np.float32]:
    """Carry a square map (n, n) on the mosaic back to a photograph of `width` x `height`: (height, width) float32, 0
    off the mosaic.
    """
    if values.ndim != 2 or values.shape[0] != values.shape[1] or values.shape[0] < 1:
        raise ValueError(f"a map on the mosaic is square, got shape {values.shape}")
    if width < 1 or height < 1:
        raise ValueError(f"a photograph needs a positive size, got {width}x{height}")
    to_photo = photo_to_mosaic(aligned, size=values.shape[0]).inverse()
    photo = np.zeros((height, width), dtype=np.float32)
    # Only the part under the mosaic is resampled: a face is often a small piece of a large photograph.
    n = float(values.shape[0])
    corners = to_photo.apply(np.array([[0.0, 0.0], [n, 0.0], [0.0, n], [n, n]]))
    reach = to_photo.scale + 1  # the border blends to 0 over one map cell
    x0, y0 = np.floor(np.round(corners.min(axis=0) - reach, 6)).clip(0, [width, height]).astype(int)
    x1, y1 = np.ceil(np.round(corners.max(axis=0) + reach, 6)).clip(0, [width, height]).astype(int)
    if x0 < x1 and y0 < y1:
        part = to_photo.then(Similarity.translation(-float(x0), -float(y0)))
        photo[y0:y1, x0:x1] = part.warp(values.astype(np.float32, copy=False), (int(x1 - x0), int(y1 - y0)), fill=0.0)
    return photo


def photo_map_to_mosaic(values: npt.NDArray[np.float32], aligned: AlignedFace, *, size: int) -> npt.NDArray[np.float32]:
    """Carry a map (H, W) on the photograph to the mosaic: (size, size) float32, 0 where the photograph ends."""
    if values.ndim != 2:
        raise ValueError(f"a map on the photograph is two-dimensional, got shape {values.shape}")
    warped = photo_to_mosaic(aligned, size=size).warp(values.astype(np.float32, copy=False), (size, size), fill=0.0)
    return np.asarray(warped, dtype=np.float32)


def roi_masks(aligned: AlignedFace, *, size: int) -> npt.NDArray[np.float32]:
    """(5, size, size) float32 in 0..1 on the mosaic, in the order of REGIONS_OF_INTEREST: soft masks inside
    outlines drawn by the landmarks.
    """
    if size < 1:
        raise ValueError(f"a mask needs a size of at least 1, got {size}")
    cell = MOSAIC_SIZE / size
    centres = (np.arange(size, dtype=np.float64) + 0.5) * cell
    xy = aligned.points[:, :2].astype(np.float64)
    outlines: dict[RegionOfInterest, tuple[int, ...]] = {
        "forehead": _closed(_FOREHEAD_RIGHT),
        "left_eye": tuple(int(i) for i in MIRROR_INDEX[list(_RIGHT_EYE)]),
        "nose": _closed(_NOSE_RIGHT),
        "right_eye": _RIGHT_EYE,
        "mouth": _closed(_MOUTH_RIGHT),
    }
    distances = np.stack(
        [
            _signed_distance(centres + _MOSAIC_LEFT, centres + _MOSAIC_TOP, xy[list(outlines[name])])
            for name in REGIONS_OF_INTEREST
        ]
    )
    return (1.0 / (1.0 + np.exp(-np.clip(distances / _MASK_EDGE_PX, -30, 30)))).astype(np.float32)


def visible_region_masks(masks: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(5, size, size) of `roi_masks` -> (6, size, size) in the order of VISIBLE_REGIONS: the mouth cut in two halves
    at the midline of the face, the patient's right on the left of the picture."""
    half = masks.shape[-1] // 2
    of = dict(zip(REGIONS_OF_INTEREST, masks, strict=True))
    right, left = of["mouth"].copy(), of["mouth"].copy()
    right[:, half:], left[:, :half] = 0, 0
    parts = {**of, "right_mouth": right, "left_mouth": left}
    return np.stack([parts[name] for name in VISIBLE_REGIONS])


def cells_inside(aligned: AlignedFace, *, size: int, width: int, height: int) -> npt.NDArray[np.float32]:
    """(size, size) on the mosaic: 1 where the middle of a cell lies inside the photograph of `width` x `height`, else
    0."""
    centres = np.arange(size, dtype=np.float64) + 0.5
    cells = np.stack(np.meshgrid(centres, centres), axis=-1)
    x, y = np.moveaxis(photo_to_mosaic(aligned, size=size).inverse().apply(cells), -1, 0)
    return np.asarray((x >= 0) & (x <= width) & (y >= 0) & (y <= height), dtype=np.float32)


# Asymmetry that counts as full: 0.15 inter-ocular distances, about 9 mm.
ASYMMETRY_FULL_SCALE = 0.15
# Which maps of interest make up each region.
INTEREST_OF_REGION: dict[Region, tuple[RegionOfInterest, ...]] = {
    "forehead": ("forehead",),
    "eye": ("left_eye", "right_eye"),
    "nose": ("nose",),
    "mouth": ("mouth",),
}


def regional_asymmetry(
    values: npt.NDArray[np.float32], masks: npt.NDArray[np.float32], *, full_scale: float = ASYMMETRY_FULL_SCALE
) -> dict[Region, float]:
    """Asymmetry of forehead, eye, nose and mouth, 0..1: what the map (n, n) on the mosaic shows inside the masks
    (5, n, n) of `roi_masks`.

    The root of the mean square, so that a drooping corner counts although the rest of the mouth is even, as a share of
    `full_scale`. Read off the map, the number and the picture cannot disagree.
    """
    if not full_scale > 0:
        raise ValueError(f"full_scale must be positive, got {full_scale}")
    scores: dict[Region, float] = {}
    for name, parts in INTEREST_OF_REGION.items():
        weight = masks[[REGIONS_OF_INTEREST.index(part) for part in parts]].sum(axis=0)
        mean_square = float((weight * values.astype(np.float64) ** 2).sum() / max(float(weight.sum()), 1e-9))
        scores[name] = min(1.0, mean_square**0.5 / full_scale)
    return scores


def _closed(right_half: tuple[int, ...]) -> tuple[int, ...]:
    """Outline of the whole region from its right half, whose first and last landmark lie on the midline."""
    left_half = MIRROR_INDEX[list(right_half[-2:0:-1])]
    return (*right_half, *(int(i) for i in left_half))


def _signed_distance(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], polygon: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Distance of each point of the grid x (W,) by y (H,) to the outline `polygon` (N, 2), positive inside (even-odd
    rule): (H, W)."""
    edges = np.roll(polygon, -1, axis=0) - polygon
    # One axis for the edges: a Python loop over them would cost more than the arithmetic.
    dx, dy = edges.T[:, :, None, None]
    right = x - polygon[:, 0, None, None]
    below = y[:, None] - polygon[:, 1, None, None]
    along = ((right * dx + below * dy) / np.maximum(dx * dx + dy * dy, 1e-12)).clip(0, 1)
    nearest = np.sqrt(((right - along * dx) ** 2 + (below - along * dy) ** 2).min(axis=0))
    # A level edge is crossed by no level ray, whatever the quotient is.
    crossed = ((below < 0) != (below < dy)) & (right < below / np.where(dy == 0, 1, dy) * dx)
    return np.asarray(np.where(np.logical_xor.reduce(crossed, axis=0), nearest, -nearest))
