"""The hierarchical encoder under both networks: local self-attention in blocks, aggregation between the hierarchies.

Source: NesT (Zhang et al., "Nested Hierarchical Transformer", AAAI 2022) and HTNet (Wang et al., Neurocomputing 2024).
Everything is written in token layout: a feature map is (B, rows, columns, channels) and each projection is a Linear,
because that is what exports to plain MatMul and LayerNormalization and so to fast int8.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

# Noise stays below; bytes that were made floats do not.
SCALED_BELOW = 16.0


def to_unit_range(images: Tensor) -> Tensor:
    """uint8 0..255 becomes float32 -1..1; a floating tensor is taken as already scaled. ValueError for one that plainly
    is not: the research code feeds 0..255 as floats.

    The scaling lives in the network so that the exported graph takes the bytes that the service has at hand.
    """
    if images.dtype == torch.uint8:
        return images.float() * (1 / 127.5) - 1.0
    if not images.is_floating_point():
        raise ValueError(f"images must be uint8 (0..255) or floating point (scaled to -1..1), got {images.dtype}")
    tracing = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    if images.numel() and not (tracing or torch.compiler.is_compiling()):
        largest = float(images.detach().amax())
        if largest > SCALED_BELOW:
            raise ValueError(
                f"images are floats up to {largest:g}, but floats must be scaled to -1..1: give the bytes (uint8), or "
                "images / 127.5 - 1"
            )
    return images


class LocalAttention(nn.Module):
    """Multi-head self-attention among the tokens of one block.

    With ONE token per block the softmax runs over one element, its weight is 1 whatever the query and the key are, and
    the module is exactly one linear map, ``out(value(x))``: query and key never get a gradient. The published HTNet
    setting (28 pixels, patch 7, three hierarchies) is such a case in every block; see :class:`SingleTokenAttention`.

    ``heads`` need not divide ``dim``: as in the reference code a head is ``dim // heads`` wide (256 / 3 -> 85).
    """

    def __init__(self, *, dim: int, heads: int, tokens: int, dropout: float = 0.0) -> None:
        super().__init__()
        if heads < 1 or dim // heads < 1:
            raise ValueError(f"heads must be between 1 and dim, got heads={heads} with dim={dim}")
        self.heads = heads
        self.tokens = tokens
        self.head_dim = dim // heads
        self.inner_dim = heads * self.head_dim
        self.scale = self.head_dim**-0.5
        self.qkv = nn.Linear(dim, 3 * self.inner_dim, bias=False)
        self.out = nn.Linear(self.inner_dim, dim)
        self.dropout = nn.Dropout(dropout)

    @property
    def is_one_linear_map(self) -> bool:
        return self.tokens == 1

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C); B counts blocks of all images."""
        qkv = self.qkv(x).view(-1, self.tokens, 3, self.heads, self.head_dim).permute(2, 0, 3, 1, 4)  # (3, B, H, T, D)
        query, key, value = qkv[0] * self.scale, qkv[1], qkv[2]
        weights = (query @ key.transpose(-2, -1)).softmax(dim=-1)  # (B, H, T, T)
        mixed = (weights @ value).transpose(1, 2).reshape(-1, self.tokens, self.inner_dim)
        projected: Tensor = self.dropout(self.out(mixed))
        return projected


class SingleTokenAttention(nn.Module):
    """What :class:`LocalAttention` is when a block holds one token, without the query and key that cannot learn."""

    def __init__(self, *, dim: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        inner_dim = heads * (dim // heads)
        self.value = nn.Linear(dim, inner_dim, bias=False)
        self.out = nn.Linear(inner_dim, dim)
        self.dropout = nn.Dropout(dropout)

    @classmethod
    def from_attention(cls, attention: LocalAttention) -> SingleTokenAttention:
        """The same map with the weights of ``attention``. ValueError where a block sees more than one token."""
        if not attention.is_one_linear_map:
            raise ValueError(f"attention over {attention.tokens} tokens is not a linear map; only 1 token is")
        dim = attention.out.out_features
        lean = cls(dim=dim, heads=attention.heads, dropout=attention.dropout.p)
        with torch.no_grad():
            lean.value.weight.copy_(attention.qkv.weight[2 * attention.inner_dim :])
            lean.out.load_state_dict(attention.out.state_dict())
        return lean.train(attention.training)

    def folded(self) -> nn.Linear:
        """value and out multiplied into one Linear: for inference, where dropout does nothing."""
        linear = nn.Linear(self.value.in_features, self.out.out_features)
        with torch.no_grad():
            product = self.out.weight.double() @ self.value.weight.double()
            linear.weight.copy_(product.to(linear.weight.dtype))
            linear.bias.copy_(self.out.bias)
        return linear.eval()

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, C) -> (B, 1, C)."""
        projected: Tensor = self.dropout(self.out(self.value(x)))
        return projected


class TransformerBlock(nn.Module):
    """Pre-norm attention and feed-forward with residuals, on the tokens of one block."""

    def __init__(self, *, dim: int, heads: int, tokens: int, dropout: float, lean: bool, mlp_ratio: int = 4) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention: nn.Module = (
            SingleTokenAttention(dim=dim, heads=heads, dropout=dropout)
            if lean
            else LocalAttention(dim=dim, heads=heads, tokens=tokens, dropout=dropout)
        )
        self.mlp_norm = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(
            nn.Linear(dim, mlp_ratio * dim),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(mlp_ratio * dim, dim),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        added: Tensor = self.mlp(self.mlp_norm(x))
        return x + added


class PatchEmbedding(nn.Module):
    """Cuts the image into patches and projects each to a token."""

    def __init__(self, *, image_rows: int, image_columns: int, patch_size: int, in_channels: int, dim: int) -> None:
        super().__init__()
        self.rows, self.columns = image_rows // patch_size, image_columns // patch_size
        self.patch_size, self.in_channels = patch_size, in_channels
        self.projection = nn.Linear(patch_size * patch_size * in_channels, dim)

    def forward(self, images: Tensor) -> Tensor:
        """(B, channels, image rows, image columns) -> (B, rows, columns, dim)."""
        p, c = self.patch_size, self.in_channels
        patches = images.reshape(-1, c, self.rows, p, self.columns, p).permute(0, 2, 4, 3, 5, 1)  # (B, R, W, p, p, c)
        tokens: Tensor = self.projection(patches.reshape(-1, self.rows, self.columns, p * p * c))
        return tokens


class Aggregate(nn.Module):
    """3x3 convolution, LayerNorm and 3x3 max pooling: neighbouring blocks become one, at half the resolution."""

    def __init__(self, *, dim: int, out_dim: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(dim, out_dim, kernel_size=3, padding=1)
        self.norm = nn.LayerNorm(out_dim)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, rows, columns, dim) -> (B, rows / 2, columns / 2, out_dim)."""
        x = self.norm(self.convolution(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        pooled: Tensor = self.pool(x.permute(0, 3, 1, 2))
        return pooled.permute(0, 2, 3, 1)


class HierarchyLevel(nn.Module):
    """One hierarchy: (aggregation from the level below,) then transformer blocks inside each block of tokens."""

    def __init__(
        self,
        *,
        rows: int,
        columns: int,
        block_rows: int,
        block_columns: int,
        dim: int,
        heads: int,
        repeats: int,
        dropout: float,
        lean: bool,
        in_dim: int | None,
    ) -> None:
        super().__init__()
        self.rows, self.columns, self.dim = rows, columns, dim
        self.block_rows, self.block_columns = block_rows, block_columns
        self.grid = (rows // block_rows, columns // block_columns)
        tokens = block_rows * block_columns
        if lean and tokens != 1:
            raise ValueError(f"lean blocks need one token per block, this level has {tokens}")
        self.aggregate = Aggregate(dim=in_dim, out_dim=dim) if in_dim is not None else None
        self.position = nn.Parameter(torch.empty(rows, columns, dim))
        nn.init.trunc_normal_(self.position, std=0.02)
        self.blocks = nn.ModuleList(
            TransformerBlock(dim=dim, heads=heads, tokens=tokens, dropout=dropout, lean=lean) for _ in range(repeats)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map of the level below (or the embedded patches) -> (B, rows, columns, dim)."""
        if self.aggregate is not None:
            x = self.aggregate(x)
        x = x + self.position
        (grid_rows, grid_columns), (r, c) = self.grid, (self.block_rows, self.block_columns)
        tokens = x.reshape(-1, grid_rows, r, grid_columns, c, self.dim).permute(0, 1, 3, 2, 4, 5)
        tokens = tokens.reshape(-1, r * c, self.dim)  # (B * blocks, T, C)
        for block in self.blocks:
            tokens = block(tokens)
        x = tokens.view(-1, grid_rows, grid_columns, r, c, self.dim).permute(0, 1, 3, 2, 4, 5)
        return x.reshape(-1, self.rows, self.columns, self.dim)


class HierarchicalEncoder(nn.Module):
    """Patches, then ``len(block_repeats)`` hierarchies; channels and heads double and resolution halves at each.

    The first level is cut into 2**(hierarchies - 1) blocks along the rows, the last is one block. A map narrower than
    a block (half a face at the last level) is one block wide.
    """

    def __init__(
        self,
        *,
        image_rows: int,
        image_columns: int,
        patch_size: int,
        in_channels: int,
        dim: int,
        heads: int,
        block_repeats: tuple[int, ...],
        dropout: float = 0.0,
        lean: bool = False,
    ) -> None:
        super().__init__()
        hierarchies = len(block_repeats)
        if hierarchies < 1 or min(block_repeats) < 1:
            raise ValueError(f"block_repeats must hold one positive number per hierarchy, got {block_repeats}")
        for name, value in (("patch_size", patch_size), ("in_channels", in_channels), ("dim", dim), ("heads", heads)):
            if value < 1:
                raise ValueError(f"{name} must be positive, got {value}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        halvings = 2 ** (hierarchies - 1)
        for name, size in (("rows", image_rows), ("columns", image_columns)):
            if size % (patch_size * halvings):
                raise ValueError(
                    f"{size} image {name} do not divide into patches of {patch_size} that can be halved "
                    f"{hierarchies - 1} times: use a multiple of {patch_size * halvings}"
                )
        self.patch_embedding = PatchEmbedding(
            image_rows=image_rows, image_columns=image_columns, patch_size=patch_size, in_channels=in_channels, dim=dim
        )
        rows, columns = self.patch_embedding.rows, self.patch_embedding.columns
        block_side = rows // halvings
        levels = []
        for level, repeats in enumerate(block_repeats):
            level_rows, level_columns = rows >> level, columns >> level
            if level_columns > block_side and level_columns % block_side:
                raise ValueError(f"{level_columns} columns do not divide into blocks of {block_side}")
            levels.append(
                HierarchyLevel(
                    rows=level_rows,
                    columns=level_columns,
                    block_rows=block_side,
                    block_columns=min(block_side, level_columns),
                    dim=dim << level,
                    heads=heads << level,
                    repeats=repeats,
                    dropout=dropout,
                    lean=lean,
                    in_dim=dim << (level - 1) if level else None,
                )
            )
        self.levels = nn.ModuleList(levels)
        self.dims = tuple(dim << level for level in range(hierarchies))

    @property
    def hierarchy_levels(self) -> list[HierarchyLevel]:
        """The levels, the finest first."""
        return cast("list[HierarchyLevel]", list(self.levels))

    @property
    def sees_one_token(self) -> bool:
        """True where every block of every level holds a single token, so that no attention takes place at all."""
        return all(level.block_rows * level.block_columns == 1 for level in self.hierarchy_levels)

    def forward(self, images: Tensor) -> Tensor:
        """(B, channels, rows, columns) in -1..1 -> the last map, (B, rows', columns', dim * 2**(hierarchies - 1))."""
        x: Tensor = self.patch_embedding(images)
        for level in self.levels:
            x = level(x)
        return x
