"""Flow images -> network input: our scalings, or the published one with its faults, which the `paper` preset
reproduces."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

# Where MTCNN found no face, the published code cuts around fixed points: eyes (9.53, 11.06), (21.40, 10.92) and mouth
# corners (10.26, 22.12),
# (20.58, 22.26), clipped to 7..21 and truncated. It uses them as (row, column) although they are (x, y); tiled in the
# order upper left, lower left,
# upper right, lower right this happens to show left eye, left lip, right eye, right lip.
PUBLISHED_CENTRES = ((9, 11), (21, 10), (10, 21), (20, 21))
HALF = 7
InputKind = Literal["whole", "standardised", "published_boxes"]


def mirror(images: Tensor) -> Tensor:
    """(N, 3, 28, 28) uint8 of u, v, strain -> the flow image of the mirrored clip: columns reversed, u negated (255 -
    u after min-max scaling)."""
    mirrored = images.flip(-1).clone()
    mirrored[:, 0] = 255 - mirrored[:, 0]
    return mirrored


def standardise(images: Tensor) -> Tensor:
    """(N, 3, 28, 28) uint8 -> float32, every channel of every image with mean 0 and deviation 1/2; strain by its root.

    Min-max scaling hangs on two pixels: one outlier moves the grey level that means "no motion" and the size of
    everything else. Mean and deviation of all pixels do so far less, and the root keeps a peak of strain from hiding
    the rest.
    """
    values = torch.cat((images[:, :2].float(), images[:, 2:].float().sqrt()), 1)
    centred = values - values.mean((-2, -1), keepdim=True)
    return 0.5 * centred / (centred.square().mean((-2, -1), keepdim=True).sqrt() + 1e-3)


def network_input(images: Tensor, *, kind: InputKind) -> Tensor:
    """(N, 3, 28, 28) uint8 -> float32 of the same shape.

    'whole': the image in -1..1. 'standardised': see `standardise`. 'published_boxes': four fixed 14x14 boxes tiled to
    28x28, channel order strain, v, u (the image was read as BGR), 0..255.
    """
    if kind == "whole":
        return images.float() * (1 / 127.5) - 1.0
    if kind == "standardised":
        return standardise(images)
    if kind != "published_boxes":
        raise ValueError(f"input must be one of {', '.join(get_args(InputKind))}, got {kind!r}")
    return tile_boxes(images).flip(1).float()


def tile_boxes(images: Tensor) -> Tensor:
    """(N, 3, 28, 28) -> the same shape and type: the four fixed boxes of the published code, tiled."""
    boxes = [images[:, :, row - HALF : row + HALF, column - HALF : column + HALF] for row, column in PUBLISHED_CENTRES]
    upper, lower = torch.cat(boxes[:2], -1), torch.cat(boxes[2:], -1)
    return torch.cat([upper, lower], -2)


def shift_randomly(images: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Each image of (N, 3, 28, 28) moved by up to `pixels` in x and y, borders repeated."""
    if pixels == 0:
        return images
    count, size = len(images), images.shape[-1]
    offset = torch.randint(-pixels, pixels + 1, (2, count, 1), generator=generator)
    steps = torch.arange(size)
    rows = (steps + offset[0]).clamp(0, size - 1)
    columns = (steps + offset[1]).clamp(0, size - 1)
    return images[
        torch.arange(count)[:, None, None, None],
        torch.arange(3)[None, :, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]
