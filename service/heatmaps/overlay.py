"""A map on the mosaic or on the photograph -> an overlay with the photograph's shape."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from face.frame.alignment import AlignedFace
from face.frame.geometry import Similarity
from face.frame.regions import mosaic_map_to_photo
from service.heatmaps.palette_png import encode_palette_png


@dataclass(frozen=True)
class Overlay:
    """An encoded picture of the upright photograph's shape: stretched to its size it lies exactly on it."""

    data: bytes
    width: int
    height: int
    media_type: str = "image/png"


def overlay_size(width: int, height: int, *, max_side_px: int) -> tuple[int, int]:
    """(width, height) of the overlay of a photograph: never larger than it, the longer side at most max_side_px."""
    scale = min(1.0, max_side_px / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def mosaic_overlay(
    values: npt.NDArray[np.float32],
    aligned: AlignedFace,
    *,
    width: int,
    height: int,
    full_scale: float,
    max_side_px: int,
) -> Overlay:
    """Draw a square map (n, n) on the mosaic over the photograph of `width` x `height`.

    full_scale: the value that is drawn at full strength; higher ones look the same, 0 and below are transparent.
    """
    small_width, small_height = overlay_size(width, height, max_side_px=max_side_px)
    # Resampled at the overlay's size at once: a 50-megapixel photograph costs no more than a small one.
    to_photo = Similarity.scaling(width / small_width)
    reduced = dataclasses.replace(aligned, to_canonical=to_photo.then(aligned.to_canonical))
    on_photo = mosaic_map_to_photo(values, reduced, width=small_width, height=small_height)
    return photo_overlay(on_photo, full_scale=full_scale)


def photo_overlay(values: npt.NDArray[np.float32], *, full_scale: float) -> Overlay:
    """Draw a map (H, W) that already has the photograph's shape. ValueError unless full_scale is positive."""
    if not full_scale > 0:
        raise ValueError(f"full_scale must be positive, got {full_scale}")
    # One pass that scales, rounds and saturates.
    strength = np.asarray(cv2.convertScaleAbs(np.maximum(values, 0), alpha=255.0 / full_scale), dtype=np.uint8)
    height, width = strength.shape
    return Overlay(data=encode_palette_png(strength), width=width, height=height)
