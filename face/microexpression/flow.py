"""Optical flow between two registered crops, and the 28x28 flow image that the micro-expression model reads.

Data flow: two crops (H, W, 3) -> luminance with the same exposure -> flow (H, W, 2) -> head motion taken out -> strain
(H, W) -> (28, 28, 3) uint8.

Flow arrays are [row, column, (u, v)] in crop pixels, u to the right and v downwards, from onset to apex: what lies at
(x, y) in the onset lies at (x + u, y + v) in the apex. The published flow images of the MEGC2019 composite were made
with TV-L1 (IPOL 2013/26); dense inverse search (DIS, Kroeger et al. 2016, arXiv 1603.03590) with variational refinement
gives the classifier the same answers and needs only the plain OpenCV wheel, see docs/research/microexpression/0.2.0.md
for the comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]

FLOW_IMAGE_SIZE = 28
CHANNELS = ("u", "v", "strain")


@dataclass(frozen=True)
class DisParameters:
    """Dense inverse search. `finest_scale` 0 is full resolution; `smoothness` (alpha) and the fixed-point iterations
    are those of its variational part."""

    finest_scale: int = 0
    patch_size: int = 8
    patch_stride: int = 3
    gradient_descent_iterations: int = 25
    refinement_iterations: int = 5
    smoothness: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.patch_stride <= self.patch_size:
            raise ValueError(f"patch_stride must lie in 1..patch_size ({self.patch_size}), got {self.patch_stride}")


def luminance(rgb: ByteArray) -> FloatArray:
    """(H, W, 3) uint8 RGB -> (H, W) float32 in 0..255 (BT.601 weights, as OpenCV)."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.float32)


def match_exposure(apex: FloatArray, onset: FloatArray, mask: FloatArray, *, window_px: float) -> FloatArray:
    """Give the apex the onset's light: slow differences of brightness and contrast are taken out, detail is kept.

    Mean and standard deviation are taken in a Gaussian window of `window_px` (sigma), weighted by `mask` (H, W) in
    0..1. Flow assumes that a point keeps its brightness; a lamp, automatic exposure or another camera setting would
    otherwise be read as motion.
    """
    height, width = onset.shape
    # Light varies slowly: its moments are taken on cells of a quarter of the window.
    cell = max(1, round(window_px / 4))
    small = (max(4, width // cell), max(4, height // cell))
    sigma = window_px * small[0] / width

    def spread(values: FloatArray) -> FloatArray:
        reduced = cv2.resize(values, small, interpolation=cv2.INTER_AREA)
        blurred = cv2.GaussianBlur(reduced, (0, 0), sigma)
        return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)

    weight = spread(mask) + np.float32(1e-3)

    def moments(image: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean = spread(image * mask) / weight
        square = spread(image * image * mask) / weight
        return mean, np.sqrt(np.maximum(square - mean * mean, 1.0))

    mean_apex, deviation_apex = moments(apex)
    mean_onset, deviation_onset = moments(onset)
    gain = np.clip(deviation_onset / deviation_apex, 0.25, 4.0)
    return np.asarray((apex - mean_apex) * gain + mean_onset, np.float32)


def dis_flow(onset: FloatArray, apex: FloatArray, parameters: DisParameters) -> FloatArray:
    """(H, W) luminance, 0..255, of both crops -> flow (H, W, 2) float32 in pixels."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(parameters.finest_scale)
    search.setPatchSize(parameters.patch_size)
    search.setPatchStride(parameters.patch_stride)
    search.setGradientDescentIterations(parameters.gradient_descent_iterations)
    search.setVariationalRefinementIterations(parameters.refinement_iterations)
    search.setVariationalRefinementAlpha(parameters.smoothness)
    first = np.clip(np.rint(onset), 0, 255).astype(np.uint8)
    second = np.clip(np.rint(apex), 0, 255).astype(np.uint8)
    if np.array_equal(first, second):
        # Exactly no change is exactly no motion; the search would leave rounding noise that per-image scaling blows up.
        return np.zeros((*first.shape, 2), np.float32)
    # OpenCV's types know no call without an array to write to.
    flow = search.calc(first, second, None)  # type: ignore[call-overload]
    return np.asarray(flow)


def optical_strain(flow: FloatArray) -> FloatArray:
    """(H, W, 2) -> (H, W): sqrt(u_x^2 + v_y^2 + (u_y + v_x)^2 / 2), central differences, per pixel of the crop.

    The magnitude of the infinitesimal strain tensor as used by STSTNet and HTNet (Liong et al. 2019, arXiv
    1902.03634). Shift and rotation have none.
    """
    u_y, u_x = np.gradient(flow[..., 0])
    v_y, v_x = np.gradient(flow[..., 1])
    strain: FloatArray = np.sqrt(u_x**2 + v_y**2 + 0.5 * (u_y + v_x) ** 2).astype(np.float32)
    return strain


def flow_image(flow: FloatArray) -> ByteArray:
    """(H, W, 2) -> (28, 28, 3) uint8: u, v, strain, resized, then each channel min-max scaled to 0..255 (as the
    published images).

    Strain is taken before the resize, where the motion's edges still are. Raises ValueError on a field that is
    constant in a channel: it has no image.
    """
    stacked = np.dstack([flow, optical_strain(flow)])
    small = cv2.resize(stacked, (FLOW_IMAGE_SIZE, FLOW_IMAGE_SIZE), interpolation=cv2.INTER_AREA)
    low = small.min((0, 1))
    span = small.max((0, 1)) - low
    if not np.all(np.isfinite(span)) or np.any(span <= 0):
        raise ValueError(
            f"a channel of the flow is constant or not finite (spans {span.tolist()}): no motion has no flow image"
        )
    scaled = np.rint((small - low) / span * 255)
    return np.asarray(scaled, np.uint8)
