"""Diagonal micro-attention: each position looks at its own neighbourhood and at its mirror position's on the other
half.

Both halves of the face are processed by the same weights, with the patient's left half mirrored, so that equal indices
are mirror partners. A tensor of halves is (N, 2, rows, columns, channels): half 0 is the patient's right (the left
half of the mosaic as stored), half 1 the patient's left, mirrored; columns run towards the midline in both. Mirroring
the photograph swaps the halves and changes nothing else, which is what makes the network exactly mirror equivariant.
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


def with_difference(halves: Tensor) -> Tensor:
    """(N, 2, channels, rows, columns) -> (N, 2, 2 * channels, rows, columns): each half, then what it has that its
    mirror partner has not. A palsy is that difference; left to find it, a network takes many times as long."""
    return torch.cat((halves, halves - swap_halves(halves)), dim=2)


class MirrorAttention(nn.Module):
    """Pre-norm residual attention over the ``window`` x ``window`` neighbourhoods of a position and of its mirror
    partner.

    One softmax runs over both neighbourhoods together, so that every row of weights sums to one and says how much a
    position relies on the other half of the face. Positions outside the half are masked.

    Computed in tiles of up to 4 x 4 queries that share the keys around them: a few masked products cost far less than
    a copy of all neighbours for each position.
    """

    keys: Tensor  # (tiles * K,)
    neighbour: Tensor  # (tiles, queries, 2 * K)

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
        # One learned bias per neighbour, told apart by offset and by own or mirrored half.
        self.bias = nn.Parameter(torch.zeros(heads, 2 * window * window))
        self.tile_rows, self.tile_columns = _tile_side(rows), _tile_side(columns)
        self.tiles = (rows // self.tile_rows) * (columns // self.tile_columns)
        keys, neighbour = self._tables()
        self.register_buffer("keys", keys.flatten(), persistent=False)
        self.register_buffer("neighbour", neighbour, persistent=False)

    def _tables(self) -> tuple[Tensor, Tensor]:
        """keys (tiles, K): flat index of each key around a tile, clamped to the half.

        neighbour (tiles, queries, 2 * K): index into the bias of each query and key, own half first; the last index +
        1, which stands for "masked", where the key is no neighbour of the query or lies outside.
        """
        reach, window = self.window // 2, self.window
        row, column = torch.meshgrid(torch.arange(self.rows), torch.arange(self.columns), indexing="ij")
        # (tiles, Q)
        query_row, query_column = self._tiled(row[..., None])[..., 0], self._tiled(column[..., None])[..., 0]
        span_row = torch.arange(-reach, self.tile_rows + reach)
        span_column = torch.arange(-reach, self.tile_columns + reach)
        offset_row, offset_column = (x.flatten() for x in torch.meshgrid(span_row, span_column, indexing="ij"))
        key_row = query_row[:, :1] + offset_row  # (tiles, K)
        key_column = query_column[:, :1] + offset_column
        inside = (key_row >= 0) & (key_row < self.rows) & (key_column >= 0) & (key_column < self.columns)
        keys = key_row.clamp(0, self.rows - 1) * self.columns + key_column.clamp(0, self.columns - 1)
        step_row = key_row[:, None] - query_row[..., None] + reach  # (tiles, Q, K)
        step_column = key_column[:, None] - query_column[..., None] + reach
        near = (step_row >= 0) & (step_row < window) & (step_column >= 0) & (step_column < window) & inside[:, None]
        own = step_row * window + step_column
        masked = 2 * window * window
        neighbour = torch.cat((own.where(near, masked), (own + window * window).where(near, masked)), dim=-1)
        return keys, neighbour

    def _tiled(self, x: Tensor) -> Tensor:
        """(..., rows, columns, C) -> (..., tiles, queries, C)."""
        lead, (r, c) = x.shape[:-3], (self.tile_rows, self.tile_columns)
        axes = list(range(len(lead)))
        n = len(lead)
        x = x.reshape(*lead, self.rows // r, r, self.columns // c, c, x.shape[-1])
        return x.permute(*axes, n, n + 2, n + 1, n + 3, n + 4).reshape(*lead, self.tiles, r * c, x.shape[-1])

    def _untiled(self, x: Tensor) -> Tensor:
        """(N, 2, tiles, queries, C) -> (N, 2, rows, columns, C)."""
        r, c = self.tile_rows, self.tile_columns
        x = x.view(-1, 2, self.rows // r, self.columns // c, r, c, self.dim).permute(0, 1, 2, 4, 3, 5, 6)
        return x.reshape(-1, 2, self.rows, self.columns, self.dim)

    def _split_heads(self, x: Tensor) -> Tensor:
        """(N, 2, tiles, T, C) -> (2 * N, tiles * heads, T, head_dim): the four axes that attention has everywhere,
        which is what torch.compile knows how to fuse."""
        heads = x.view(-1, self.tiles, x.shape[3], self.heads, self.head_dim).transpose(2, 3)
        return heads.reshape(-1, self.tiles * self.heads, x.shape[3], self.head_dim)

    def _weights_and_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(2 * N, tiles * heads, queries, 2 * K) and (2 * N, tiles * heads, 2 * K, head_dim)."""
        query, key_value = self.qkv(self.norm(x)).split((self.dim, 2 * self.dim), dim=-1)
        query = self._split_heads(self._tiled(query * self.scale))
        around = key_value.flatten(2, 3).index_select(2, self.keys)  # (N, 2, tiles * K, 2C)
        around = around.view(-1, 2, self.tiles, self.keys.numel() // self.tiles, 2 * self.dim)
        around = torch.cat((around, swap_halves(around)), dim=3)  # own neighbourhood, then the mirrored one
        key, value = (self._split_heads(half) for half in around.split(self.dim, dim=-1))
        masked = self.bias.new_full((self.heads, 1), float("-inf"))
        bias = torch.cat((self.bias, masked), dim=1).index_select(1, self.neighbour.flatten())
        bias = bias.view(self.heads, *self.neighbour.shape).transpose(0, 1).flatten(0, 1)  # (tiles * heads, Q, 2K)
        return (query @ key.transpose(-2, -1) + bias).softmax(dim=-1), value

    def weights(self, x: Tensor) -> Tensor:
        """(N, 2, rows, columns, dim) -> (N, 2, tiles, heads, queries, 2 * K): each row sums to 1.

        Over the keys of the own half, then over those of the mirrored half; zero for keys that are no neighbours.
        """
        weights = self._weights_and_values(x)[0]
        return weights.view(-1, 2, self.tiles, self.heads, *weights.shape[-2:])

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2, rows, columns, dim) -> the same shape."""
        weights, values = self._weights_and_values(x)
        mixed = (weights @ values).view(-1, self.tiles, self.heads, weights.shape[2], self.head_dim)
        mixed = self._untiled(mixed.transpose(2, 3).flatten(-2))
        added: Tensor = self.dropout(self.out(mixed))
        return x + added


def _tile_side(size: int) -> int:
    return next(side for side in (4, 2, 1) if size % side == 0)


class AsymmetryMap(nn.Module):
    """Asymmetry at each position, from the difference between a position and its mirror partner.

    The map is the length of a learned linear image of that difference, scaled by a positive gate. Where the halves
    agree it is exactly zero, so that heat always has a difference behind it. A displacement field that is linear in the
    antisymmetric geometry is added to the first components of that image, before the length is taken, as the true map
    is the length of such a field: what the picture shows can correct it. The gate reads the position itself and what
    the face as a whole does, because each movement moves other parts of it.
    """

    def __init__(
        self, *, dim: int, face_dim: int, rows: int, columns: int, components: int = 8, hidden_dim: int = 64
    ) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns
        self.metric = nn.Linear(dim, components, bias=False)
        self.gate = nn.Linear(dim, 1)
        nn.init.zeros_(self.gate.weight)
        last = nn.Linear(hidden_dim, rows * columns, bias=False)
        nn.init.zeros_(last.weight)
        self.movement = nn.Sequential(nn.Linear(face_dim, hidden_dim), nn.GELU(), last)

    def forward(self, x: Tensor, face: Tensor, field: Tensor | None = None) -> Tensor:
        """x (N, 2, rows, columns, dim), face (N, 2, face_dim) the vectors of both halves, field (N, rows, columns, 3)
        or None -> (N, rows, 2 * columns), >= 0."""
        difference = self.metric(x[:, PATIENT_LEFT] - x[:, PATIENT_RIGHT])
        if field is not None:
            difference = difference + F.pad(field, (0, difference.shape[-1] - field.shape[-1]))
        length = smooth_length(difference.square().sum(-1)).unsqueeze(1)  # (N, 1, rows, columns)
        movement = self.movement(face.sum(1)).view(-1, 1, self.rows, self.columns)
        gated = length * F.softplus(self.gate(x).squeeze(-1) + movement)
        return join_halves(gated[:, PATIENT_RIGHT], gated[:, PATIENT_LEFT])


def smooth_length(squares: Tensor, softness: float = 1e-2) -> Tensor:
    """sqrt that starts at 0 with a finite slope."""
    return torch.sqrt(squares + softness**2) - softness
