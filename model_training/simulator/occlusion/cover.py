"""What every thing that hides a face is made of: an outline, a look, and what of the picture is then still seen."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from face.landmarks.found_face import Face

Picture = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture (H, W, 3) and how much of each pixel's face is seen (H, W) in 0..1."""

    rgb: Picture
    seen: Plane

    def covered(self, alpha: Plane, look: Plane) -> Scene:
        """Behind something. alpha: (H, W) in 0..1, how opaque it is; look: (H, W, 3) in 0..255, its colours."""
        mixed = self.rgb.copy()
        # A thing is often a small piece of the picture.
        x, y, width, height = cv2.boundingRect((alpha > 0).astype(np.uint8))
        there = slice(y, y + height), slice(x, x + width)
        opaque = alpha[there][..., None]
        mixed[there] = np.clip(np.rint(self.rgb[there] * (1 - opaque) + look[there] * opaque), 0, 255)
        return Scene(mixed, self.seen * (1 - alpha))

    def changed(self, alpha: Plane, look: Plane, *, hides: bool) -> Scene:
        """As `covered`, by something that does not stand before the face but may take its features away all the same:
        blur, shadow, glare."""
        mixed = self.covered(alpha, look)
        return mixed if hides else Scene(mixed.rgb, self.seen)


@dataclass(frozen=True)
class Ruler:
    """The face's own measures in a picture. right_eye, left_eye: the patient's; across: unit vector from the right eye
    to the left, down: to the chin; unit_px: the distance between the eyes."""

    right_eye: Points
    left_eye: Points
    across: Points
    down: Points
    unit_px: float

    @classmethod
    def of(cls, face: Face) -> Ruler:
        right, left = face.eye_centres.astype(np.float64)
        across = (left - right) / np.linalg.norm(left - right)
        return cls(right, left, across, np.array([-across[1], across[0]]), float(np.linalg.norm(left - right)))

    def at(self, across: float, down: float) -> Points:
        """A place so many eye distances from the middle between the eyes."""
        return (self.right_eye + self.left_eye) / 2 + self.unit_px * (across * self.across + down * self.down)


def filled(shape: tuple[int, int], outline: Points, *, edge_px: float = 0.7) -> Plane:
    """(H, W) in 0..1: 1 inside the polygon (N, 2), with an edge as soft as a lens makes it."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return _softened(opacity(mask), edge_px)


def stroked(shape: tuple[int, int], line: Points, *, width_px: float, edge_px: float = 0.7) -> Plane:
    """(H, W) in 0..1: 1 on the line through the points (N, 2)."""
    mask = np.zeros(shape, np.uint8)
    points = np.rint(line * 16).astype(np.int32)
    cv2.polylines(mask, [points], False, 255, max(1, round(width_px)), cv2.LINE_AA, 4)
    return _softened(opacity(mask), edge_px)


def opacity(mask: npt.NDArray[np.uint8]) -> Plane:
    """0..255 -> 0..1."""
    return mask.astype(np.float32) / np.float32(255)


def _softened(mask: Plane, edge_px: float) -> Plane:
    # The weights of the blur add up to a little more than one.
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), edge_px), np.float32).clip(0, 1)


def lasting_noise(shape: tuple[int, int], rng: np.random.Generator, *, grain_px: float) -> Plane:
    """(H, W) of about unit deviation whose grains are `grain_px` wide."""
    rows, columns = (max(2, round(side / grain_px) + 1) for side in shape)
    coarse = rng.standard_normal((rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def shaded(colour: Points, relief: Plane) -> Plane:
    """(H, W, 3): one colour (3,) lit by a relief (H, W) around 0, in shares of its brightness."""
    return np.asarray(np.clip(colour * (1 + relief[..., None]), 0, 255), np.float32)
