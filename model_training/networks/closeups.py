"""Close-ups: small convolutional networks for the parts of the half face that show palsy in one or two pixels.

A lid that closes all but 15 % (grade III) leaves a slit of one or two pixels on the mosaic. The transformer's linear
patches, 7 pixels wide, average it away; convolutions that go two pixels at a time keep it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from face.frame.regions import MOSAIC_SIZE
from face.vocabulary import Movement, Pose
from model_training.networks.mirror_attention import with_difference
from model_training.networks.palsy_heads import PalsyHead, PalsyLogits

# Part -> (rows, columns) of a half of the mosaic, in its pixels, columns towards the midline. The eye's are no more
# than the lids, around the canonical eye centre (row 74, column 64): the more else a close-up shows, the less it sees
# of them. The mouth comes with its fold, up to the midline.
CLOSEUP_BOXES: dict[str, tuple[slice, slice]] = {
    "brow": (slice(20, 60), slice(26, 102)),
    "eye": (slice(50, 98), slice(26, 102)),
    "mouth": (slice(134, 206), slice(48, 112)),
}
# Of the convolutions: channels, side of the kernel, stride.
_LAYERS = ((24, 5, 2), (48, 3, 2), (64, 3, 1), (64, 3, 1), (96, 3, 2))
# What a face is asked to do -> the `pose` of the table's rows that show it.
MOVEMENTS: dict[Movement, tuple[Pose, ...]] = {
    "rest": ("rest",),
    "brow": ("brow_lift",),
    "eyes": ("gentle_closure", "tight_closure"),
    "mouth": ("closed_smile", "full_smile", "snarl", "pucker"),
}


class CloseUp(nn.Module):
    """Halves of the mosaic -> one vector per half: what one part of each half shows, and what its partner does not.

    The statistics of the normalisation are those of one process, also where several train together.
    """

    def __init__(self, *, part: str, in_channels: int, out_dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        if part not in CLOSEUP_BOXES:
            raise ValueError(f"unknown close-up {part!r}: choose of {', '.join(CLOSEUP_BOXES)}")
        self.part = part
        layers: list[nn.Module] = []
        width = 2 * in_channels
        for channels, size, stride in _LAYERS:
            convolution = nn.Conv2d(width, channels, size, stride, size // 2, bias=False)
            layers += [convolution, nn.BatchNorm2d(channels), nn.ReLU()]
            width = channels
        self.convolutions = nn.Sequential(*layers)
        self.vector = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * width, out_dim), nn.GELU())

    def forward(self, halves: Tensor) -> Tensor:
        """(N, 2, channels, rows px, columns px) in -1..1 -> (N, 2, out_dim)."""
        rows, columns = (_scaled(span, halves.shape[3]) for span in CLOSEUP_BOXES[self.part])
        seen = self.convolutions(with_difference(halves[..., rows, columns]).flatten(0, 1))
        pooled = torch.cat((seen.mean((2, 3)), seen.amax((2, 3))), dim=-1)
        vectors: Tensor = self.vector(pooled).unflatten(0, (-1, 2))
        return vectors


class MovementHead(nn.Module):
    """What the close-ups see -> grade and side, by one head for each movement, weighed by how likely the movement is.

    A head of its own each, because a smile says little about the lids: one head for all movements learns to doubt what
    it sees of any.
    """

    def __init__(self, *, in_dim: int, num_classes: int, hidden_dim: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        self.movement = nn.Linear(in_dim, len(MOVEMENTS))
        self.heads = nn.ModuleList(
            PalsyHead(in_dim=in_dim, num_classes=num_classes, hidden_dim=hidden_dim, dropout=dropout) for _ in MOVEMENTS
        )

    def forward(self, halves: Tensor) -> tuple[PalsyLogits, Tensor]:
        """(N, 2, in_dim), one vector per half -> the answer, and the logits (N, len(MOVEMENTS)) of the movement."""
        movement = self.movement(halves.sum(dim=1))
        return PalsyLogits.weighed([head(halves) for head in self.heads], movement.softmax(dim=-1)), movement


def _scaled(span: slice, mosaic_size: int) -> slice:
    return slice(span.start * mosaic_size // MOSAIC_SIZE, span.stop * mosaic_size // MOSAIC_SIZE)
