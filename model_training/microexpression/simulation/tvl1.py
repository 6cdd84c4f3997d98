"""TV-L1 optical flow for many small pairs at once: the method behind the published flow images, for simulated training
data. The service does not use it.

Zach, Pock, Bischof 2007 in the form of IPOL 2013/26 (Sanchez, Meinhardt-Llopis, Facciolo), with the median filter of
OpenCV's contrib module, whose wheel cannot be installed beside the plain one. Iterations are fixed in number instead
of stopped by an error, so that all pairs go in step.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

SMALLEST_PX = 16


@dataclass(frozen=True)
class TvL1Parameters:
    """`attachment`: lambda, larger follows the pictures (0..255) more closely; the others as in IPOL 2013/26."""

    attachment: float = 0.15
    tau: float = 0.25
    theta: float = 0.3
    scales: int = 5
    warps: int = 5
    medians: int = 2
    iterations: int = 15

    def __post_init__(self) -> None:
        if min(self.attachment, self.tau, self.theta) <= 0:
            raise ValueError(f"attachment, tau and theta must be positive, got {self}")
        if min(self.scales, self.warps, self.medians, self.iterations) < 1:
            raise ValueError(f"scales, warps, medians and iterations must be at least 1, got {self}")


def tvl1_flow(onset: np.ndarray, apex: np.ndarray, parameters: TvL1Parameters) -> np.ndarray:
    """(N, H, W) luminance 0..255 of both frames -> flow (N, H, W, 2) float32 in pixels, onset to apex. ValueError
    where the shapes differ."""
    if onset.shape != apex.shape or onset.ndim != 3:
        raise ValueError(f"onset and apex must both be (N, H, W), got {onset.shape} and {apex.shape}")
    pyramid = [(onset.astype(np.float32), apex.astype(np.float32))]
    while len(pyramid) < parameters.scales and min(pyramid[-1][0].shape[1:]) >= 2 * SMALLEST_PX:
        pyramid.append((_halved(pyramid[-1][0]), _halved(pyramid[-1][1])))
    flow = np.zeros((2, *pyramid[-1][0].shape), np.float32)
    for first, second in reversed(pyramid):
        height, width = first.shape[1:]
        if flow.shape[2:] != (height, width):
            grow = np.array([width / flow.shape[3], height / flow.shape[2]], np.float32)
            flow = np.stack([_resized(flow[axis], (width, height)) * grow[axis] for axis in (0, 1)])
        flow = _one_scale(first, second, flow, parameters)
    return np.moveaxis(flow, 0, -1)


def _one_scale(first: np.ndarray, second: np.ndarray, flow: np.ndarray, parameters: TvL1Parameters) -> np.ndarray:
    """Refine flow (2, N, H, W) from `first` to `second`, both (N, H, W)."""
    rows, columns = np.mgrid[0 : first.shape[1], 0 : first.shape[2]].astype(np.float32)
    threshold = parameters.attachment * parameters.theta
    step = parameters.tau / parameters.theta
    dual = np.zeros((2, *flow.shape), np.float32)  # (along x and y) of each component
    for _ in range(parameters.warps):
        warped = np.stack(
            [
                cv2.remap(image, columns + u, rows + v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
                for image, u, v in zip(second, flow[0], flow[1], strict=True)
            ]
        )
        gradient = np.stack([_central(warped, 2), _central(warped, 1)])
        square = (gradient**2).sum(0)
        constant = warped - (gradient * flow).sum(0) - first
        safe = np.maximum(square, 1e-6)
        for _ in range(parameters.medians):
            flow = np.stack([[cv2.medianBlur(image, 5) for image in axis] for axis in flow])
            for _ in range(parameters.iterations):
                residual = constant + (gradient * flow).sum(0)
                pull = np.clip(-residual / safe, -threshold, threshold)
                flow = flow + pull * gradient + parameters.theta * _divergence(dual)
                across, down = _forward(flow, 3), _forward(flow, 2)
                length = 1 + step * np.sqrt(across**2 + down**2)
                dual = (dual + step * np.stack([across, down])) / length
    return flow


def _halved(images: np.ndarray) -> np.ndarray:
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), 0.6 * np.sqrt(3.0)) for image in images])
    return _resized(blurred, ((images.shape[2] + 1) // 2, (images.shape[1] + 1) // 2))


def _resized(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.stack([cv2.resize(image, size, interpolation=cv2.INTER_LINEAR) for image in images])


def _central(images: np.ndarray, axis: int) -> np.ndarray:
    """Central differences, 0 at the border."""
    result = np.zeros_like(images)
    inner = [slice(None)] * images.ndim
    inner[axis] = slice(1, -1)
    length = images.shape[axis]
    result[tuple(inner)] = 0.5 * (images.take(range(2, length), axis=axis) - images.take(range(length - 2), axis=axis))
    return result


def _forward(flow: np.ndarray, axis: int) -> np.ndarray:
    """Forward differences of (2, N, H, W), 0 at the far border."""
    result = np.zeros_like(flow)
    if axis == 3:
        np.subtract(flow[..., 1:], flow[..., :-1], out=result[..., :-1])
    else:
        np.subtract(flow[..., 1:, :], flow[..., :-1, :], out=result[..., :-1, :])
    return result


def _divergence(dual: np.ndarray) -> np.ndarray:
    """Minus the adjoint of `_forward`: (2, 2, N, H, W) -> (2, N, H, W)."""
    across, down = dual
    result: np.ndarray = across + down
    result[..., 1:] -= across[..., :-1]
    result[..., 1:, :] -= down[..., :-1, :]
    return result
