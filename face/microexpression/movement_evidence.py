"""Is the movement more than noise? What the flow explains of the difference of two frames that a head, a lamp and a
focus do not.

In every window of the face two explanations of the onset are compared: the apex moved by the head alone, and the apex
moved by head and face (the flow, smoothed over the window, so that it cannot follow the noise). Both may change
brightness, contrast and sharpness. The evidence of a window is the logarithm of the ratio of what they leave over: the
likelihood ratio of "something moved" against "nothing moved", up to the number of independent pixels. A copy with
another compression differs everywhere, but no motion explains it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from face.microexpression.flow import FloatArray
from face.microexpression.head_motion import carried_back

# Evidence is taken every so many crop pixels.
CELL_PX = 4


@dataclass(frozen=True)
class Evidence:
    """strongest: the largest evidence of a window that moves far enough, 0 where none does. moved_px: the largest
    movement of a window, each times the share of the difference that it explains, crop pixels."""

    strongest: float
    moved_px: float


def movement_evidence(
    onset: FloatArray,
    apex: FloatArray,
    *,
    head: FloatArray,
    motion: FloatArray,
    mask: FloatArray,
    window_px: float,
    noise_floor: float,
    least_px: float,
    turn_px: float,
) -> Evidence:
    """Windows that lie in `mask` for the most part and move by `least_px` or more.

    A head that turns leaves movements behind where its relief is not quite the landmarks': what moves by less than
    `turn_px` is no evidence, from twice that on it counts in full.

    onset, apex: (H, W) luminance, 0..255, matched in light and sharpness. head, motion: fields (H, W, 2), the flow is
    their sum. window_px: sigma of a window. noise_floor: squared grey levels that a difference has for sure, so that
    the ratio of two nothings is none.
    """
    first, second = (np.asarray(cv2.GaussianBlur(frame, (0, 0), 0.8), np.float32) for frame in (onset, apex))
    window = _Window(mask, window_px)
    smooth = window.mean_motion(motion)
    # Only windows that the mask fills at least to half, about cells inside it.
    cells = np.nonzero((window.share > 0.5) & (window.reduced(mask) > 0.5))
    left = [window.left_over(first, carried_back(second, field), cells) for field in (head, head + smooth)]
    ratio = np.maximum(np.log((left[0] + noise_floor) / (left[1] + noise_floor)), 0)
    size = np.linalg.norm(window.reduced(smooth)[cells], axis=-1)
    ratio *= np.clip(size / max(turn_px, 1e-6) - 1, 0, 1)
    return Evidence(
        strongest=float(np.max(ratio, where=size >= least_px, initial=0.0)),
        moved_px=float(np.max(size * (1 - np.exp(-ratio)), initial=0.0)),
    )


class _Window:
    """Gaussian windows about the cells of a mask."""

    def __init__(self, mask: FloatArray, sigma_px: float) -> None:
        self._mask = mask
        self._sigma = sigma_px
        self._size = (mask.shape[1] // CELL_PX, mask.shape[0] // CELL_PX)
        self.share = self._spread(mask)

    def reduced(self, values: FloatArray) -> FloatArray:
        return np.asarray(cv2.resize(values, self._size, interpolation=cv2.INTER_AREA))

    def _spread(self, values: FloatArray) -> FloatArray:
        return np.asarray(cv2.GaussianBlur(self.reduced(values), (0, 0), self._sigma / CELL_PX))

    def mean(self, values: FloatArray) -> FloatArray:
        """Weighted mean of (H, W) in every window."""
        return np.asarray(self._spread(values * self._mask) / np.maximum(self.share, 1e-6))

    def mean_motion(self, motion: FloatArray) -> FloatArray:
        """(H, W, 2), smoothed over a good half of a window: narrower, so that a small movement keeps its size."""
        sigma = 0.6 * self._sigma
        weight = cv2.GaussianBlur(self._mask, (0, 0), sigma) + np.float32(1e-6)
        return np.asarray(cv2.GaussianBlur(motion * self._mask[..., None], (0, 0), sigma) / weight[..., None])

    def left_over(
        self, onset: FloatArray, moved: FloatArray, cells: tuple[npt.NDArray[np.intp], ...]
    ) -> npt.NDArray[np.float64]:
        """(cells,) mean square of what is left of onset - moved when brightness, contrast and sharpness are fitted in
        each window by weighted least squares."""
        target = onset - moved
        sharpness = np.asarray(cv2.Laplacian(moved, cv2.CV_32F), np.float32)
        known: list[FloatArray] = [np.ones_like(moved), (moved - 128) / np.float32(32), sharpness]
        count = len(known)
        system = np.empty((len(cells[0]), count, count))
        right = np.empty((len(cells[0]), count, 1))
        for row in range(count):
            right[:, row, 0] = self.mean(known[row] * target)[cells]
            for column in range(row + 1):
                system[:, row, column] = system[:, column, row] = self.mean(known[row] * known[column])[cells]
        fitted = np.linalg.solve(system + 1e-3 * np.eye(count), right)
        left = self.mean(target * target)[cells] - (fitted * right)[..., 0].sum(axis=1)
        return np.asarray(np.maximum(left, 0.0))


def reliability_of(evidence: float, *, middle: float, slope: float) -> float:
    """The evidence of the strongest window -> 0..1: the probability that something moved, by a logistic curve fitted
    where both are equally often the case."""
    return float(1 / (1 + np.exp(-slope * (evidence - middle))))
