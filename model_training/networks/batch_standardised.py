"""Features standardised over the batch: what all faces share goes, what differs between them stays."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

_EPSILON = 1e-5
# Weight of the newest batch in the statistics that inference uses.
_MOMENTUM = 0.1


class BatchStandardised(nn.Module):
    """Batch normalisation (Ioffe & Szegedy 2015) of the last axis of (..., dim), both halves of a face alike.

    Aligned, contrast-normalised faces are so much alike that a network without it settles on their mean: the features
    of all faces become equal and the loss stays where it began. Statistics are those of the batches of all processes
    together, so that two processes see what one would see.
    """

    mean: Tensor  # (dim,)
    variance: Tensor  # (dim,)

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("variance", torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """(..., dim) -> the same shape."""
        mean, variance = self.mean, self.variance
        if self.training:
            x = x.float()
            mean = _mean_over_processes(x)
            variance = _mean_over_processes((x - mean).square())
            with torch.no_grad():
                self.mean.lerp_(mean, _MOMENTUM)
                self.variance.lerp_(variance, _MOMENTUM)
        return (x - mean) * (variance + _EPSILON).rsqrt() * self.weight + self.bias


def _mean_over_processes(x: Tensor) -> Tensor:
    """(..., dim) of each process -> (dim,), with gradients to all of them."""
    rows = x.flatten(0, -2)
    sums = torch.stack((rows.sum(0), torch.full_like(rows[0], len(rows))))
    if dist.is_initialized():
        sums = all_reduce(sums)
    return sums[0] / sums[1]
