"""HTNet: the hierarchical transformer network for micro-expressions, also the encoder of the palsy model.

Source: Wang, Zhang, Luo, Sankaranarayana, "HTNet for micro-expression recognition", Neurocomputing 602, 2024.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor, nn

from model_training.networks.hierarchy import HierarchicalEncoder, LocalAttention, SingleTokenAttention, to_unit_range
from model_training.saved_folder import SavedInFolder

# A tensor that the research code's HTNet has, and no network here.
ORIGINAL_NAME = "to_patch_embedding.1.weight"
SizeName = Literal["tiny", "small", "base"]
# Keyword arguments of the named sizes, shared by HTNet and HTNetEnhanced. `base` is the setting of the research demo
# at 224 pixels; `tiny` is sized for one CPU thread.
SIZES: dict[str, dict[str, Any]] = {
    "tiny": {
        "image_size": 224,
        "patch_size": 7,
        "dim": 32,
        "heads": 1,
        "num_hierarchies": 3,
        "block_repeats": (1, 1, 2),
    },
    "small": {
        "image_size": 224,
        "patch_size": 7,
        "dim": 64,
        "heads": 2,
        "num_hierarchies": 3,
        "block_repeats": (2, 2, 4),
    },
    "base": {
        "image_size": 224,
        "patch_size": 7,
        "dim": 256,
        "heads": 4,
        "num_hierarchies": 3,
        "block_repeats": (2, 2, 10),
    },
}


def named_size(name: str) -> dict[str, Any]:
    """Keyword arguments of a named size. ValueError for a name that is not one of them."""
    if name not in SIZES:
        raise ValueError(f"unknown size {name!r}: choose one of {', '.join(SIZES)}")
    return dict(SIZES[name])


class HTNet(SavedInFolder, nn.Module):
    """Image classifier: ``model(images)`` returns class logits (N, num_classes).

    In the published setting (28 pixels, patch 7, three hierarchies) every block of every level sees a sequence of ONE
    token: its softmax has one element, so attention is exactly one linear map there and `self.encoder.sees_one_token`
    is True. ``lean=True`` builds those blocks without the query and key weights that can never learn;
    :func:`fold_single_token_attention` folds either for export. All three give the same answers.
    """

    def __init__(
        self,
        *,
        image_size: int = 224,
        patch_size: int = 7,
        num_classes: int = 3,
        dim: int = 256,
        heads: int = 4,
        num_hierarchies: int = 3,
        block_repeats: tuple[int, ...] = (2, 2, 10),
        in_channels: int = 3,
        dropout: float = 0.0,
        lean: bool = False,
    ) -> None:
        super().__init__()
        block_repeats = tuple(block_repeats)
        if len(block_repeats) != num_hierarchies:
            raise ValueError(f"block_repeats {block_repeats} must have num_hierarchies={num_hierarchies} entries")
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2, got {num_classes}")
        self.config: dict[str, Any] = {
            "image_size": image_size, "patch_size": patch_size, "num_classes": num_classes, "dim": dim, "heads": heads,
            "num_hierarchies": num_hierarchies, "block_repeats": block_repeats, "in_channels": in_channels, "dropout":
            dropout, "lean": lean,
        }  # fmt: skip
        self.encoder = HierarchicalEncoder(
            image_rows=image_size, image_columns=image_size, patch_size=patch_size, in_channels=in_channels, dim=dim,
            heads=heads, block_repeats=block_repeats, dropout=dropout, lean=lean,
        )  # fmt: skip
        self.norm = nn.LayerNorm(self.encoder.dims[-1])
        self.head_dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.encoder.dims[-1], num_classes)

    def load_state_dict(self, state_dict: Mapping[str, Any], *arguments: Any, **options: Any) -> Any:
        """As any module's. ValueError for weights of the original code, which name their tensors otherwise."""
        if ORIGINAL_NAME in state_dict:
            raise ValueError(
                "weights of the original HTNet, whose tensors have other names: `htnet import-original FILE.pth --out "
                "FILE.pt`, then model_training.load('FILE.pt')"
            )
        return super().load_state_dict(state_dict, *arguments, **options)

    def forward_features(self, images: Tensor) -> Tensor:
        """(N, in_channels, image_size, image_size), uint8 or float in -1..1 -> (N, rows, columns, channels) of the
        last level. ValueError for images of another shape."""
        size, channels = self.config["image_size"], self.config["in_channels"]
        if images.shape[1:] != (channels, size, size):
            raise ValueError(f"images must be (N, {channels}, {size}, {size}), got {tuple(images.shape)}")
        last: Tensor = self.norm(self.encoder(to_unit_range(images)))
        return last

    def forward_head(self, features: Tensor) -> Tensor:
        """Last map -> logits (N, num_classes)."""
        logits: Tensor = self.head(self.head_dropout(features.mean(dim=(1, 2))))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(images))


def fold_single_token_attention(model: nn.Module) -> nn.Module:
    """A copy for inference in which every attention over one token is one Linear; other blocks stay as they are.

    Used at export. The copy answers as the model does in eval mode, to rounding.
    """
    folded = copy.deepcopy(model).eval()
    for module in folded.modules():
        attention = getattr(module, "attention", None)
        if isinstance(attention, LocalAttention) and attention.is_one_linear_map:
            attention = SingleTokenAttention.from_attention(attention)
        if isinstance(attention, SingleTokenAttention):
            module.attention = attention.folded()
    return folded
