"""The visibility head: mosaic -> how much of each cell of it shows the face, and not something before it.

It looks at the mosaic by itself and shares nothing with the grader: what a grader learns is to see past a lock of hair,
what this one learns is to see the hair. So no grade changes by a digit because of it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from face.frame.regions import MOSAIC_SIZE
from model_training.networks.hierarchy import to_unit_range
from model_training.networks.mirror_attention import join_halves, split_halves, swap_halves

NAME = "SeenMap"
# Cells along a side of the map, those of the asymmetry map.
MAP_SIZE = 32


class SeenMap(nn.Module):
    """`model(images)` -> seen_logits (N, 32, 32) on the mosaic; their sigmoid is the share of a cell that is seen.

    images: uint8 (N, 1, 224, 224). Both halves go through the same weights, the left one mirrored, and meet where the
    cells are coarse, each beside its partner: the mirrored mosaic gives the mirrored map by construction.
    """

    def __init__(self, *, width: int = 16) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"width must be at least 1, got {width}")
        self.config = {"width": width}
        self.fine = nn.Sequential(_convolution(1, width, stride=2), _convolution(width, 2 * width, stride=2))
        self.middle = nn.Sequential(_convolution(2 * width, 4 * width, stride=2), _separable(4 * width))
        # The partner doubles what each half brings along.
        self.coarse = nn.Sequential(_pointwise(8 * width, 4 * width), _separable(4 * width), _separable(4 * width))
        self.face = nn.Linear(4 * width, 4 * width)
        self.back = nn.Sequential(_pointwise(6 * width, 2 * width), _separable(2 * width))
        self.cells = nn.Conv2d(2 * width, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[1:] != (1, MOSAIC_SIZE, MOSAIC_SIZE):
            raise ValueError(f"images must be (N, 1, {MOSAIC_SIZE}, {MOSAIC_SIZE}), got {tuple(images.shape)}")
        # Half the pixels are enough to tell hair from skin, at a quarter of the time.
        halves = functional.avg_pool2d(split_halves(to_unit_range(images)).flatten(0, 1), 2)
        fine = self.fine(halves)  # (2N, 2w, 28, 14)
        coarse = self.middle(fine).unflatten(0, (-1, 2))  # (N, 2, 4w, 14, 7)
        coarse = self.coarse(torch.cat((coarse, swap_halves(coarse)), dim=2).flatten(0, 1))
        whole = self.face(coarse.mean(dim=(2, 3))).relu()[..., None, None]
        wide = functional.interpolate(coarse + whole, scale_factor=2.0, mode="nearest")
        cells = self.cells(self.back(torch.cat((fine, wide), dim=1)))
        right, left = cells.squeeze(1).unflatten(0, (-1, 2)).unbind(1)
        joined = join_halves(right, left)[:, None]
        return functional.interpolate(joined, size=(MAP_SIZE, MAP_SIZE), mode="bilinear", align_corners=False)[:, 0]


def _convolution(inward: int, outward: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inward, outward, 3, stride, 1, bias=False), nn.BatchNorm2d(outward), nn.ReLU(inplace=True)
    )


def _pointwise(inward: int, outward: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inward, outward, 1, bias=False), nn.BatchNorm2d(outward), nn.ReLU(inplace=True))


def _separable(channels: int) -> nn.Sequential:
    """5x5 in each channel, then all channels at each place."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 5, 1, 2, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        *_pointwise(channels, channels),
    )
