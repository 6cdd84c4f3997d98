"""Many small HTNets trained at once: every weight has a leading fold axis, every matrix product is a batched one.

Leave-one-subject-out trains the same network 68 times on nearly the same data. One after the other, the time goes into
starting thousands of tiny operations; with the folds as the batch axis of `torch.baddbmm` it goes into arithmetic.
`HTNet` (networks/htnet.py, lean form) with the weights of one fold gives the same answers; `fold_state_dict` converts.

Only the one-token setting is here (28 pixels, patch 7, three hierarchies): every block sees one token, its softmax has
one element, so attention is the linear map value -> out and query and key do not exist.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, ValidationInfo, field_validator
from torch import Tensor

from model_training.configuration import Configuration

PATCH = 7
IMAGE = 28
CHANNELS = 3
CLASSES = 3
LEVELS = 3
PATCH_VALUES = PATCH * PATCH * CHANNELS
TOKENS_PER_SIDE = (4, 2, 1)  # of each level's square

Repeats = Annotated[int, Field(ge=1)]


class FoldedConfig(Configuration):
    """Size of one network."""

    dim: int = Field(default=16, ge=1)
    heads: int = Field(default=1, ge=1)
    """A head is dim // heads wide, as in the published code. Over one token heads mix nothing: they only decide how
    wide the middle of value -> out is."""
    block_repeats: tuple[Repeats, Repeats, Repeats] = Field(default=(2, 2, 2), strict=False)
    """Blocks of each level, the finest first."""
    dropout: float = Field(default=0.3, ge=0.0, lt=1.0)
    position: Literal["token", "scalar"] = "token"
    """token learns one vector a token; scalar one number a level, as the published code does with one token a block."""
    num_classes: int = Field(default=CLASSES, ge=2)

    @field_validator("heads")
    @classmethod
    def _not_more_than_wide(cls, heads: int, others: ValidationInfo) -> int:
        if heads > others.data.get("dim", heads):
            raise ValueError(f"must be between 1 and dim, got {heads} with dim {others.data['dim']}")
        return heads

    def inner_widths(self) -> tuple[int, ...]:
        """Of each level, between value and out: heads double with the width."""
        return tuple((self.heads << level) * (self.dim // self.heads) for level in range(LEVELS))


def _uniform(shape: tuple[int, ...], fan_in: int, generator: torch.Generator) -> Tensor:
    """The default initialisation of torch.nn.Linear: uniform within 1 / sqrt(fan in)."""
    return (torch.rand(shape, generator=generator) * 2 - 1) / math.sqrt(fan_in)


def init_weights(config: FoldedConfig, folds: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Fresh weights, name -> (folds, ...). Linear weights are (folds, in, out)."""
    weights: dict[str, Tensor] = {
        "embed.w": _uniform((folds, PATCH_VALUES, config.dim), PATCH_VALUES, generator),
        "embed.b": _uniform((folds, 1, config.dim), PATCH_VALUES, generator),
    }

    def linear(name: str, fan_in: int, fan_out: int, *, bias: bool = True) -> None:
        weights[f"{name}.w"] = _uniform((folds, fan_in, fan_out), fan_in, generator)
        if bias:
            weights[f"{name}.b"] = _uniform((folds, 1, fan_out), fan_in, generator)

    def norm(name: str, width: int) -> None:
        weights[f"{name}.w"] = torch.ones(folds, 1, width)
        weights[f"{name}.b"] = torch.zeros(folds, 1, width)

    for level in range(LEVELS):
        width = config.dim << level
        inner = config.inner_widths()[level]
        tokens = TOKENS_PER_SIDE[level] ** 2
        if config.position == "token":
            weights[f"{level}.position"] = torch.randn(folds, 1, tokens, width, generator=generator) * 0.02
        else:
            weights[f"{level}.position"] = torch.randn(folds, 1, 1, 1, generator=generator)
        for block in range(config.block_repeats[level]):
            name = f"{level}.{block}"
            norm(f"{name}.attention_norm", width)
            linear(f"{name}.value", width, inner, bias=False)
            linear(f"{name}.out", inner, width)
            norm(f"{name}.mlp_norm", width)
            linear(f"{name}.up", width, 4 * width)
            linear(f"{name}.down", 4 * width, width)
        if level < LEVELS - 1:
            linear(f"{level}.aggregate", 9 * width, 2 * width)
            norm(f"{level}.aggregate_norm", 2 * width)
    norm("norm", config.dim << 2)
    linear("head", config.dim << 2, config.num_classes)
    return weights


def patches(images: Tensor) -> Tensor:
    """(..., 3, 28, 28) -> (..., 16, 147), each patch flattened row, column, channel."""
    lead = images.shape[:-3]
    cut = images.reshape(-1, CHANNELS, 4, PATCH, 4, PATCH).permute(0, 2, 4, 3, 5, 1)
    return cut.reshape(*lead, 16, PATCH_VALUES)


def _window_index(side: int) -> Tensor:
    """Which of side * side tokens (or the zero token behind them) stand in each 3x3 window: (side * side * 9,)."""
    index = []
    for row in range(side):
        for column in range(side):
            for d_row in (-1, 0, 1):
                for d_column in (-1, 0, 1):
                    r, c = row + d_row, column + d_column
                    index.append(r * side + c if 0 <= r < side and 0 <= c < side else side * side)
    return torch.tensor(index)


WINDOWS = {side: _window_index(side) for side in TOKENS_PER_SIDE[:2]}


def _norm(x: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    return torch.addcmul(weights[f"{name}.b"], F.layer_norm(x, x.shape[-1:]), weights[f"{name}.w"])


def _linear(x: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    return torch.baddbmm(weights[f"{name}.b"], x, weights[f"{name}.w"])


def _pool(x: Tensor, side: int) -> Tensor:
    """3x3 max pooling with stride 2 and padding 1 on (f, B, side * side, C) for side 4 or 2."""
    folds, batch, _, width = x.shape
    if side == 2:
        return x.amax(2, keepdim=True)
    grid = x.view(folds, batch, 4, 4, width)
    rows = torch.stack(
        [
            torch.maximum(grid[:, :, 0], grid[:, :, 1]),
            torch.maximum(torch.maximum(grid[:, :, 1], grid[:, :, 2]), grid[:, :, 3]),
        ],
        2,
    )
    both = torch.stack(
        [
            torch.maximum(rows[:, :, :, 0], rows[:, :, :, 1]),
            torch.maximum(torch.maximum(rows[:, :, :, 1], rows[:, :, :, 2]), rows[:, :, :, 3]),
        ],
        3,
    )
    return both.view(folds, batch, 4, width)


def _dropout(h: Tensor, rate: float, *, alike: bool = False) -> Tensor:
    """Dropout at `rate`, to the nearest 1/256: one random byte decides on a value; alike: in all folds the same.

    On the CPU `F.dropout` draws one random number a value and takes twenty times as long, a quarter of a training.
    """
    dropped = min(round(rate * 256), 255)
    shape = (1, *h.shape[1:]) if alike else h.shape
    count = math.prod(shape)
    words = torch.empty((count + 7) // 8, dtype=torch.int64, device=h.device)
    words.random_(torch.iinfo(torch.int64).min, None)
    kept = words.view(torch.uint8)[:count].view(shape) >= dropped
    return h * (kept * (256 / (256 - dropped)))


def forward(
    config: FoldedConfig, weights: dict[str, Tensor], x: Tensor, *, training: bool = False, alike: bool = False
) -> Tensor:
    """Patches (B, 16, 147), the same for all folds, or (f, B, 16, 147) -> logits (f, B, classes). alike: all folds drop
    the same values in training."""
    folds, batch = weights["embed.w"].shape[0], x.shape[-3]

    def drop(h: Tensor) -> Tensor:
        return _dropout(h, config.dropout, alike=alike) if training and config.dropout > 0 else h

    tokens = (
        x.reshape(1, batch * 16, PATCH_VALUES).expand(folds, -1, -1)
        if x.dim() == 3
        else x.reshape(folds, batch * 16, PATCH_VALUES)
    )
    h = _linear(tokens, weights, "embed")
    for level, side in enumerate(TOKENS_PER_SIDE):
        width = config.dim << level
        h = (h.view(folds, batch, side * side, width) + weights[f"{level}.position"]).view(
            folds, batch * side * side, width
        )
        for block in range(config.block_repeats[level]):
            name = f"{level}.{block}"
            value = torch.bmm(_norm(h, weights, f"{name}.attention_norm"), weights[f"{name}.value.w"])
            h = h + drop(_linear(value, weights, f"{name}.out"))
            hidden = drop(F.gelu(_linear(_norm(h, weights, f"{name}.mlp_norm"), weights, f"{name}.up")))
            h = h + drop(_linear(hidden, weights, f"{name}.down"))
        if level < LEVELS - 1:
            padded = F.pad(
                h.view(folds, batch, side * side, width), (0, 0, 0, 1)
            )  # a zero token at the end stands for the border
            windows = padded.index_select(2, WINDOWS[side].to(h.device)).view(folds, batch * side * side, 9 * width)
            mixed = _norm(_linear(windows, weights, f"{level}.aggregate"), weights, f"{level}.aggregate_norm")
            h = _pool(mixed.view(folds, batch, side * side, 2 * width), side).reshape(folds, -1, 2 * width)
    return _linear(drop(_norm(h, weights, "norm")), weights, "head")


def one_fold(weights: dict[str, Tensor], fold: int) -> dict[str, Tensor]:
    """The weights of one fold, with a leading axis of length 1."""
    return {name: value[fold : fold + 1] for name, value in weights.items()}


def htnet_arguments(config: FoldedConfig) -> dict[str, Any]:
    """Keyword arguments of `model_training.networks.htnet.HTNet` for the same network."""
    return {
        "image_size": IMAGE, "patch_size": PATCH, "num_classes": config.num_classes,
        "dim": config.dim, "heads": config.heads, "num_hierarchies": LEVELS,
        "block_repeats": config.block_repeats, "dropout": config.dropout, "lean": True,
    }  # fmt: skip


def fold_state_dict(config: FoldedConfig, weights: dict[str, Tensor], fold: int) -> dict[str, Tensor]:
    """The weights of one fold as the state dict of `HTNet(**htnet_arguments(config))`. A scalar position becomes the
    same number for every token."""
    take = {name: value[fold].detach() for name, value in weights.items()}
    state: dict[str, Tensor] = {}

    def linear(name: str, target: str) -> None:
        state[f"{target}.weight"] = take[f"{name}.w"].T.contiguous()
        if f"{name}.b" in take:
            state[f"{target}.bias"] = take[f"{name}.b"][0].clone()

    def norm(name: str, target: str) -> None:
        state[f"{target}.weight"] = take[f"{name}.w"][0].clone()
        state[f"{target}.bias"] = take[f"{name}.b"][0].clone()

    linear("embed", "encoder.patch_embedding.projection")
    for level, side in enumerate(TOKENS_PER_SIDE):
        width = config.dim << level
        prefix = f"encoder.levels.{level}"
        state[f"{prefix}.position"] = (
            take[f"{level}.position"].expand(1, side * side, width).reshape(side, side, width).clone()
        )
        for block in range(config.block_repeats[level]):
            name, target = f"{level}.{block}", f"{prefix}.blocks.{block}"
            norm(f"{name}.attention_norm", f"{target}.attention_norm")
            linear(f"{name}.value", f"{target}.attention.value")
            linear(f"{name}.out", f"{target}.attention.out")
            norm(f"{name}.mlp_norm", f"{target}.mlp_norm")
            linear(f"{name}.up", f"{target}.mlp.0")
            linear(f"{name}.down", f"{target}.mlp.3")
        if level < LEVELS - 1:
            target = f"encoder.levels.{level + 1}.aggregate"
            kernel = take[f"{level}.aggregate.w"].view(3, 3, width, 2 * width)
            state[f"{target}.convolution.weight"] = kernel.permute(3, 2, 0, 1).contiguous()
            state[f"{target}.convolution.bias"] = take[f"{level}.aggregate.b"][0].clone()
            norm(f"{level}.aggregate_norm", f"{target}.norm")
    norm("norm", "norm")
    linear("head", "head")
    return state
