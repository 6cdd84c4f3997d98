"""The image branch: the shared encoder over both halves of the mosaic, with mirror attention after its levels, a map
fused over the levels and ROI attention on it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model_training.networks.batch_standardised import BatchStandardised
from model_training.networks.hierarchy import HierarchicalEncoder
from model_training.networks.mirror_attention import MirrorAttention, with_difference
from model_training.networks.roi_attention import RoiAttention


class ImageBranch(nn.Module):
    """Halves of the mosaic -> a fused map at the finest level, one vector per half and the ROI maps.

    image_size, patch_size: sides in pixels of the mosaic and of a patch; dim: channels of the finest level; use_*: as
    in HTNetEnhanced; mirror_window: side in positions of a neighbourhood; out_dim: length of a half's vector.
    """

    def __init__(
        self,
        *,
        image_size: int,
        patch_size: int,
        dim: int,
        heads: int,
        block_repeats: tuple[int, ...],
        in_channels: int,
        dropout: float,
        use_diagonal_attn: bool,
        use_roi: bool,
        mirror_window: int,
        out_dim: int,
    ) -> None:
        super().__init__()
        self.encoder = HierarchicalEncoder(
            image_rows=image_size, image_columns=image_size // 2, patch_size=patch_size, in_channels=2 * in_channels,
            dim=dim, heads=heads, block_repeats=block_repeats, dropout=dropout,
        )  # fmt: skip
        self.standardised_tokens = BatchStandardised(dim)
        levels = self.encoder.hierarchy_levels
        self.mirror_attention = nn.ModuleList(
            MirrorAttention(
                rows=level.rows,
                columns=level.columns,
                dim=level.dim,
                heads=heads << index,
                window=mirror_window,
                dropout=dropout,
            )
            for index, level in enumerate(levels)
            if use_diagonal_attn
        )
        self.lateral = nn.ModuleList(nn.Linear(level.dim, dim) for level in levels)
        self.fused_norm = nn.LayerNorm(dim)
        self.roi_attention = RoiAttention(dim=dim) if use_roi else None
        top = levels[-1].dim
        pooled = (5 if use_roi else 1) * dim
        self.vector = nn.Sequential(
            BatchStandardised(pooled + top),
            nn.Linear(pooled + top, out_dim),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(out_dim, out_dim),
        )

    def forward(self, halves: Tensor) -> dict[str, Tensor]:
        """(N, 2, channels, rows px, columns px) in -1..1 -> fused_map (N, 2, rows, columns, dim), image_vector
        (N, 2, out_dim) and, with ROI attention, roi_maps (N, 2, rows, columns, 5) in 0..1; rows and columns are those
        of the patches of a half."""
        x = self.standardised_tokens(self.encoder.patch_embedding(with_difference(halves).flatten(0, 1)))
        maps = []
        for index, level in enumerate(self.encoder.levels):
            x = level(x)
            if len(self.mirror_attention):
                x = self.mirror_attention[index](x.unflatten(0, (-1, 2))).flatten(0, 1)
            maps.append(x)
        fused = self.lateral[-1](maps[-1])
        for lateral, finer in zip(reversed(self.lateral[:-1]), reversed(maps[:-1]), strict=True):
            fused = lateral(finer) + _doubled(fused)
        fused = self.fused_norm(fused).unflatten(0, (-1, 2))  # (N, 2, rows, columns, dim)
        top = maps[-1].mean(dim=(1, 2)).unflatten(0, (-1, 2))
        features = {"fused_map": fused}
        if self.roi_attention is None:
            pooled = fused.mean(dim=(2, 3))
        else:
            _, by_region, features["roi_maps"] = self.roi_attention(fused)
            pooled = by_region.flatten(-2)
        features["image_vector"] = self.vector(torch.cat((pooled, top), dim=-1))
        return features


def _doubled(x: Tensor) -> Tensor:
    """Nearest-neighbour upsampling of (B, rows, columns, C) by two."""
    rows, columns, channels = x.shape[1:]
    return x[:, :, None, :, None].expand(-1, -1, 2, -1, 2, -1).reshape(-1, 2 * rows, 2 * columns, channels)
