"""Points, arrays and similarity transforms.

One convention for the whole house: a point is (x, y) in pixels, x to the right and y downwards, and pixel [row, column]
covers the square from (column, row) to (column + 1, row + 1). A photograph of width w is therefore mirrored by x -> w -
x, without the off-by-one of centre coordinates, and normalised landmarks times the image size are points as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Similarity:
    """Rotation, uniform scale and shift, with or without a reflection: p -> matrix[:, :2] @ p + matrix[:, 2].

    `matrix` is (2, 3) float64, [[a, -b, tx], [b, a, ty]], reflected [[a, b, tx], [b, -a, ty]].
    """

    matrix: FloatArray

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        if matrix.shape != (2, 3) or not np.isfinite(matrix).all():
            raise ValueError(f"a similarity needs a finite 2x3 matrix, got shape {matrix.shape}: {matrix.tolist()}")
        (a, c), (b, d) = matrix[:, :2]
        scale = math.hypot(a, b)
        off = min(max(abs(a - d), abs(b + c)), max(abs(a + d), abs(b - c)))
        if scale == 0 or off > 1e-6 * scale:
            raise ValueError(f"not a rotation with uniform scale: {matrix.tolist()}")
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def translation(cls, x: float, y: float) -> Similarity:
        return cls(np.array([[1.0, 0.0, x], [0.0, 1.0, y]]))

    @classmethod
    def scaling(cls, factor: float) -> Similarity:
        """Scale about the origin, the top left corner of the picture."""
        return cls(np.array([[factor, 0.0, 0.0], [0.0, factor, 0.0]]))

    @classmethod
    def mirroring(cls, width: float) -> Similarity:
        """A picture of `width` -> its mirror image; its own inverse."""
        return cls(np.array([[-1.0, 0.0, width], [0.0, 1.0, 0.0]]))

    @classmethod
    def turning(cls, quarter_turns: int, *, width: float, height: float) -> Similarity:
        """A picture of `width` x `height` -> the same turned counter-clockwise by so many times 90 degrees, as
        `numpy.rot90` turns it."""
        matrices = (
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            [[0.0, 1.0, 0.0], [-1.0, 0.0, width]],
            [[-1.0, 0.0, width], [0.0, -1.0, height]],
            [[0.0, -1.0, height], [1.0, 0.0, 0.0]],
        )
        return cls(np.array(matrices[quarter_turns % 4]))

    @property
    def scale(self) -> float:
        """Target pixels per source pixel."""
        return math.hypot(self.matrix[0, 0], self.matrix[1, 0])

    def apply(self, points: npt.ArrayLike) -> FloatArray:
        """Points (..., 2) of the source -> points (..., 2) of the target."""
        return np.asarray(points, dtype=np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2]

    def inverse(self) -> Similarity:
        linear = np.linalg.inv(self.matrix[:, :2])
        return Similarity(np.column_stack([linear, -linear @ self.matrix[:, 2]]))

    def then(self, other: Similarity) -> Similarity:
        """First this transform, then `other`."""
        linear = other.matrix[:, :2] @ self.matrix[:, :2]
        return Similarity(np.column_stack([linear, other.apply(self.matrix[:, 2])]))

    def warp(self, image: npt.NDArray[Any], size: tuple[int, int], *, fill: float | None = None) -> npt.NDArray[Any]:
        """Resample `image` (H, W) or (H, W, C) into a new one of `size` = (width, height), same dtype.

        Area-aware: where the picture shrinks, it is first averaged over the area that a target pixel covers (a large
        photograph does not alias), then interpolated linearly. Outside the source lies `fill`, or, when None, the
        nearest edge pixel. Mirroring source, transform and target gives the mirrored result.
        """
        width, height = size
        if image.ndim not in (2, 3) or 0 in image.shape or width < 1 or height < 1:
            raise ValueError(f"cannot warp an array of shape {image.shape} to size {size}")
        source_height, source_width = image.shape[:2]
        scale = self.scale
        margin = 2.0 + 2.0 / scale
        corners = self.inverse().apply([[0, 0], [width, 0], [0, height], [width, height]])
        # The rounding keeps a float's last digit from moving the crop by a pixel in the mirrored picture.
        lower = (
            np.floor(np.round(corners.min(axis=0) - margin, 6))
            .clip(0, [source_width - 1, source_height - 1])
            .astype(int)
        )
        upper = np.ceil(np.round(corners.max(axis=0) + margin, 6)).clip(1, [source_width, source_height]).astype(int)
        crop = image[lower[1] : upper[1], lower[0] : upper[0]]
        shrink = np.ones(2)
        if scale < 1:
            crop_size = np.array([crop.shape[1], crop.shape[0]])
            small_size = np.maximum(1, np.round(crop_size * scale)).astype(int)
            shrink = small_size / crop_size
            crop = cv2.resize(crop, (int(small_size[0]), int(small_size[1])), interpolation=cv2.INTER_AREA)
        matrix = np.column_stack([self.matrix[:, :2] / shrink, self.apply(lower)])
        # OpenCV puts integer coordinates on pixel centres.
        matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
        border = cv2.BORDER_REPLICATE if fill is None else cv2.BORDER_CONSTANT
        value = 0.0 if fill is None else fill
        return np.asarray(
            cv2.warpAffine(
                np.ascontiguousarray(crop),
                matrix,
                (width, height),
                flags=cv2.INTER_LINEAR,
                borderMode=border,
                borderValue=(value, value, value, value),
            )
        )


def fit_similarity(source: npt.ArrayLike, target: npt.ArrayLike) -> Similarity:
    """Least-squares similarity that carries `source` (N, 2) onto `target` (N, 2), N >= 2.

    Closed form in complex numbers: with centred z and w, a + ib = sum(conj(z) w) / sum(|z|^2).

    Raises:
        ValueError: shapes differ, or all source points coincide.
    """
    z = np.asarray(source, dtype=np.float64)
    w = np.asarray(target, dtype=np.float64)
    if z.shape != w.shape or z.ndim != 2 or z.shape[1] != 2 or len(z) < 2:
        raise ValueError(f"source and target must both be (N, 2) with N >= 2, got {z.shape} and {w.shape}")
    z_mean, w_mean = z.mean(axis=0), w.mean(axis=0)
    z, w = z - z_mean, w - w_mean
    spread = float((z**2).sum())
    if spread == 0:
        raise ValueError(f"all {len(z)} source points coincide: no similarity is defined")
    a = float((z * w).sum()) / spread
    b = float((z[:, 0] * w[:, 1] - z[:, 1] * w[:, 0]).sum()) / spread
    linear = np.array([[a, -b], [b, a]])
    return Similarity(np.column_stack([linear, w_mean - linear @ z_mean]))
