"""Diagonal micro-attention: each position looks at its own neighbourhood and at its mirror position's on the other half.

Both halves of the face are processed by the same weights, with the patient's left half mirrored, so that equal indices are
mirror partners. A tensor of halves is (N, 2, rows, columns, channels): half 0 is the patient's right (the left half of the
mosaic as stored), half 1 the patient's left, mirrored; columns run towards the midline in both. Mirroring the photograph
swaps the halves and changes nothing else, which is what makes the network exactly mirror equivariant.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATIENT_RIGHT, PATIENT_LEFT = 0, 1


def split_halves(mosaic: Tensor) -> Tensor:
    """(N, channels, rows, columns) -> (N, 2, channels, rows, columns / 2), the patient's left half mirrored."""
    half = mosaic.shape[-1] // 2
    return torch.stack((mosaic[..., :half], mosaic[..., half:].flip(-1)), dim=1)


def join_halves(right: Tensor, left: Tensor) -> Tensor:
    """(..., rows, columns) of each half, columns towards the midline -> (..., rows, 2 * columns) as on the mosaic."""
    return torch.cat((right, left.flip(-1)), dim=-1)


def swap_halves(halves: Tensor) -> Tensor:
    """What mirroring the photograph does to a tensor whose axis 1 is the half of the face."""
    return halves.flip(1)


class MirrorAttention(nn.Module):
    """Pre-norm residual attention over the ``window`` x ``window`` neighbourhoods of a position and of its mirror partner.

    One softmax runs over both neighbourhoods together, so that every row of weights sums to one and says how much a position
    relies on the other half of the face. Positions outside the half are masked.
    """

    def __init__(self, *, rows: int, columns: int, dim: int, heads: int, window: int = 3, dropout: float = 0.0) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"heads={heads} must divide dim={dim} in the mirror attention")
        if window < 1 or window % 2 == 0:
            raise ValueError(f"window must be odd and positive, got {window}")
        self.rows, self.columns, self.dim, self.heads, self.window = rows, columns, dim, heads, window
        self.head_dim = dim // heads
        self.scale = self.head_dim**-0.5
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(dropout)
        neighbours = window * window
        # One learned bias per neighbour, told apart by offset and by own or mirrored half.
        self.bias = nn.Parameter(torch.zeros(heads, 2 * neighbours))
        inside = self._neighbourhood(torch.ones(1, 1, rows, columns, 1))[0, 0, ..., 0]  # (R, W, K)
        mask = torch.where(inside > 0, 0.0, float("-inf"))
        self.register_buffer("outside", torch.cat((mask, mask), dim=-1), persistent=False)  # (R, W, 2K)

    def _neighbourhood(self, x: Tensor) -> Tensor:
        """(N, 2, R, W, C) -> (N, 2, R, W, K, C): the K = window**2 neighbours of each position, zero outside."""
        reach = self.window // 2
        padded = F.pad(x, (0, 0, reach, reach, reach, reach))
        shifts = [
            padded[:, :, row : row + self.rows, column : column + self.columns]
            for row in range(self.window)
            for column in range(self.window)
        ]
        return torch.stack(shifts, dim=4)

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, self.head_dim))

    def _weights_and_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        query, key, value = self.qkv(self.norm(x)).chunk(3, dim=-1)
        query = query * self.scale
        keys = self._heads(self._neighbourhood(key))  # (N, 2, R, W, K, H, D)
        # The mirrored neighbourhood of a half is the own neighbourhood of the other half: swapping the query (and the result
        # back) costs less than a second stack of keys.
        own = (self._heads(query).unsqueeze(4) * keys).sum(-1)  # (N, 2, R, W, K, H)
        mirrored = swap_halves((self._heads(swap_halves(query)).unsqueeze(4) * keys).sum(-1))
        scores = torch.cat((own, mirrored), dim=4) + self.bias.transpose(0, 1) + self.outside.unsqueeze(-1)
        return scores.softmax(dim=4), self._heads(self._neighbourhood(value))

    def weights(self, x: Tensor) -> Tensor:
        """(N, 2, rows, columns, 2 * window**2, heads): own neighbourhood first, then the mirrored one; sums to 1 over axis 4."""
        return self._weights_and_values(x)[0]

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2, rows, columns, dim) -> the same shape."""
        weights, values = self._weights_and_values(x)
        own, mirrored = weights.chunk(2, dim=4)
        mixed = (own.unsqueeze(-1) * values).sum(4)
        mixed = mixed + swap_halves((swap_halves(mirrored).unsqueeze(-1) * values).sum(4))
        return x + self.dropout(self.out(mixed.flatten(-2)))


class AsymmetryMap(nn.Module):
    """Asymmetry at each position, from the difference between a position and its mirror partner.

    The map is the length of a learned linear image of that difference, scaled by a positive gate of the position itself. Where
    the halves agree it is exactly zero, so that heat always has a difference behind it. A displacement field that is linear in
    the antisymmetric geometry may add to the difference, as the true map is the length of such a field.
    """

    def __init__(self, *, dim: int, components: int = 8) -> None:
        super().__init__()
        self.metric = nn.Linear(dim, components, bias=False)
        self.gate = nn.Linear(dim, 1)
        nn.init.zeros_(self.gate.weight)

    def forward(self, x: Tensor, field: Tensor | None = None) -> Tensor:
        """x (N, 2, rows, columns, dim), field (N, rows, columns, 3) or None -> (N, rows, 2 * columns), >= 0."""
        difference = self.metric(x[:, PATIENT_LEFT] - x[:, PATIENT_RIGHT])
        squares = difference.square().sum(-1)
        if field is not None:
            squares = squares + field.square().sum(-1)
        length = smooth_length(squares).unsqueeze(1)  # (N, 1, rows, columns)
        gated = length * F.softplus(self.gate(x).squeeze(-1))
        return join_halves(gated[:, PATIENT_RIGHT], gated[:, PATIENT_LEFT])


def smooth_length(squares: Tensor, softness: float = 1e-2) -> Tensor:
    """sqrt that starts at 0 with a finite slope."""
    return torch.sqrt(squares + softness**2) - softness
