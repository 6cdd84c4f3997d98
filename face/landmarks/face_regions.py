"""Picture -> where its faces are, by the Face Landmarker's detector on 128 x 128 pixels (BlazeFace, arXiv:1907.05047).

What stands between the pictures and the network's tensors is that of MediaPipe's graph, so that the landmark network
sees what it would see there: the letterbox, the anchors, the weighted suppression, the rotated square around each face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from face.landmarks.networks import DETECTOR_SIZE, FaceNetworks, FloatArray

# MediaPipe's: the score that counts as a face, the overlap at which two boxes are the same face, how far the square
# around a face reaches beyond its box.
MIN_SCORE = 0.5
_SAME_FACE_OVERLAP = 0.3
_REACH = 1.5
# Two squares are the same face when their centres are this near, as a share of the side.
_SAME_FACE_DISTANCE = 0.2


@dataclass(frozen=True, eq=False)
class FaceRegion:
    """A square around one face, turned like it.

    centre: (2,) float64 in pixels of the picture. side: in pixels. angle_rad: > 0 when the head is turned clockwise in
    the picture. score: of the detector, 0..1.
    """

    centre: npt.NDArray[np.float64]
    side: float
    angle_rad: float
    score: float

    @classmethod
    def around(cls, points: npt.NDArray[np.float32], *, eyes: npt.NDArray[np.float64], score: float) -> FaceRegion:
        """The square in which a face is looked for in the next picture of a clip, as MediaPipe tracks.

        points: (N, 3) of the face. eyes: (2, 2), centres of the one at the left in the picture, then the other.
        """
        low, high = points[:, :2].min(axis=0).astype(np.float64), points[:, :2].max(axis=0).astype(np.float64)
        across = eyes[1] - eyes[0]
        return cls((low + high) / 2, float((high - low).max()) * _REACH, math.atan2(across[1], across[0]), score)

    def mirrored(self, width: int) -> FaceRegion:
        """The same square in the mirrored picture."""
        return replace(self, centre=np.array([width - self.centre[0], self.centre[1]]), angle_rad=-self.angle_rad)

    def moved(self, x: float, y: float) -> FaceRegion:
        return replace(self, centre=self.centre + np.array([x, y]))

    def is_same_face(self, other: FaceRegion) -> bool:
        reach = _SAME_FACE_DISTANCE * max(self.side, other.side)
        return float(np.linalg.norm(self.centre - other.centre)) < reach

    @property
    def is_upright(self) -> bool:
        """To an eighth of a turn."""
        return abs(self.angle_rad) <= math.pi / 4

    @property
    def box(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """(x, y) of the left upper and the right lower corner of the face's own box, upright."""
        half = self.side / _REACH / 2
        x, y = (float(value) for value in self.centre)
        return (x - half, y - half), (x + half, y + half)

    def mean_with(self, other: FaceRegion) -> FaceRegion:
        """The square between two of the same face."""
        turn = math.remainder(other.angle_rad - self.angle_rad, 2 * math.pi)
        return FaceRegion(
            centre=(self.centre + other.centre) / 2,
            side=(self.side + other.side) / 2,
            angle_rad=self.angle_rad + turn / 2,
            score=(self.score + other.score) / 2,
        )

    def sampling(self, size: int) -> npt.NDArray[np.float64]:
        """(2, 3): index (column, row) of a crop of `size` x `size` -> index of the picture, as MediaPipe samples."""
        cosine, sine = math.cos(self.angle_rad), math.sin(self.angle_rad)
        linear = np.array([[cosine, -sine], [sine, cosine]]) * (self.side / size)
        return np.column_stack([linear, self.centre - linear @ np.full(2, size / 2.0)])

    def on_picture(self, points: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
        """(N, 3) points in pixels of the crop of `size` x `size` -> pixels of the picture, z scaled like x."""
        matrix = self.sampling(size)
        return np.column_stack([points[:, :2] @ matrix[:, :2].T + matrix[:, 2], points[:, 2] * (self.side / size)])


def sample(rgb: npt.NDArray[np.uint8], region: FaceRegion, size: int, *, mirrored: bool, border: int) -> FloatArray:
    """The square `region` of `rgb` (H, W, 3), or of its mirror image, as (size, size, 3) float32 in 0..255.

    mirrored: `region` is one of the mirrored picture, which need not be made.
    """
    matrix = region.sampling(size)
    if mirrored:
        matrix[0] *= -1
        matrix[0, 2] += rgb.shape[1] - 1
    crop = cv2.warpAffine(
        rgb, matrix, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=border, borderValue=0
    )
    return np.asarray(crop, dtype=np.float32)


def letterbox(rgb: npt.NDArray[np.uint8], *, mirrored: bool = False) -> FloatArray:
    """(H, W, 3) -> (128, 128, 3) float32 in -1..1: the whole picture in a square, black around it."""
    square = _whole_picture(rgb.shape[1], rgb.shape[0])
    small = sample(rgb, square, DETECTOR_SIZE, mirrored=mirrored, border=cv2.BORDER_CONSTANT)
    return small / np.float32(127.5) - np.float32(1)


def find_regions(letterboxed: FloatArray, networks: FaceNetworks, *, width: int, height: int) -> list[FaceRegion]:
    """Faces of a picture of `width` x `height`, given as `letterbox` makes it, surest first."""
    boxes, logits = networks.detect(letterboxed[None])
    scores = 1.0 / (1.0 + np.exp(-np.clip(logits[0].astype(np.float64), -100.0, 100.0)))
    kept = np.flatnonzero(scores >= MIN_SCORE)
    if not len(kept):
        return []
    square = _whole_picture(width, height)
    # Of each anchor: centre, size, then six keypoints, in pixels of the letterbox and from the anchor's place.
    numbers = boxes[0, kept].astype(np.float64).reshape(-1, 8, 2) / DETECTOR_SIZE
    numbers[:, [0, *range(2, 8)]] += _ANCHORS[kept, None]
    regions = []
    for merged, score in _without_repeats(numbers, scores[kept]):
        # The eyes are the first two keypoints, the one at the left in the picture first.
        across = merged[3] - merged[2]
        regions.append(
            FaceRegion(
                centre=square.centre + (merged[0] - 0.5) * square.side,
                side=float(merged[1].max()) * square.side * _REACH,
                angle_rad=math.atan2(across[1], across[0]),
                score=score,
            )
        )
    return regions


def _whole_picture(width: int, height: int) -> FaceRegion:
    return FaceRegion(np.array([width / 2.0, height / 2.0]), float(max(width, height)), 0.0, 1.0)


def _anchors() -> npt.NDArray[np.float64]:
    """(896, 2): places of the detector's anchors in 0..1, two on each of 16 x 16 cells and six on each of 8 x 8."""
    places = []
    for cells, each in ((16, 2), (8, 6)):
        y, x = np.mgrid[:cells, :cells]
        grid = (np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) / cells
        places.append(np.repeat(grid, each, axis=0))
    return np.concatenate(places)


_ANCHORS = _anchors()


def _without_repeats(
    numbers: npt.NDArray[np.float64], scores: npt.NDArray[np.float64]
) -> list[tuple[npt.NDArray[np.float64], float]]:
    """Boxes that overlap become one, the mean weighted by score. numbers: (N, 8, 2), centre, size, keypoints."""
    low, high = numbers[:, 0] - numbers[:, 1] / 2, numbers[:, 0] + numbers[:, 1] / 2
    area = numbers[:, 1].prod(axis=1)
    rest = np.argsort(-scores, kind="stable")
    merged = []
    while len(rest):
        best = rest[0]
        common = (np.minimum(high[rest], high[best]) - np.maximum(low[rest], low[best])).clip(min=0).prod(axis=1)
        same = common / (area[rest] + area[best] - common) > _SAME_FACE_OVERLAP
        same[0] = True
        weights = scores[rest[same], None, None]
        merged.append(((numbers[rest[same]] * weights).sum(axis=0) / weights.sum(), float(scores[best])))
        rest = rest[~same]
    return merged
