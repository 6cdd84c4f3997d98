"""Training of all folds together: shared mini-batches, a weight per fold and image (0 keeps an image out of a fold's
training)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, TypedDict

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, ValidationInfo, field_validator
from torch import Tensor

from model_training.configuration import Configuration
from model_training.microexpression.folded.inputs import InputKind, mirror, network_input, shift_randomly
from model_training.microexpression.folded.network import FoldedConfig, forward, init_weights, patches

Weights = dict[str, Tensor]


class Interim(TypedDict):
    """Everything needed to train on after an epoch as if nothing had happened."""

    epoch: int
    weights: Weights
    optimiser: dict[str, Any]
    random: list[Tensor]


class TrainingConfig(Configuration):
    """How a network is trained."""

    model: FoldedConfig = FoldedConfig()
    input: InputKind = "whole"
    epochs: int = Field(default=40, ge=1)
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0.0)
    weight_decay: float = 0.05
    schedule: Literal["cosine", "constant"] = "cosine"
    """Of the learning rate: cosine to zero, or constant."""
    flip: bool = True
    """Mirrored half of the time, and averaged over both at test."""
    shift_px: int = Field(default=0, ge=0)
    """Random shift."""
    mixup: float = Field(default=0.0, ge=0.0)
    balanced: bool = False
    """Classes weigh the same in the loss."""
    label_smoothing: float = 0.0
    precision: Literal["float32", "bf16"] = "float32"
    """Of the matrix products in training and answers; weights and optimiser stay float32."""

    @field_validator("shift_px")
    @classmethod
    def _published_boxes_stay(cls, shift_px: int, others: ValidationInfo) -> int:
        if shift_px and others.data.get("input") == "published_boxes":
            raise ValueError(f"must be 0, got {shift_px}: the fixed boxes of the published setting are not shifted")
        return shift_px


def balance(weight: Tensor, labels: Tensor, classes: int) -> Tensor:
    """(f, N) 0/1 weights -> weights with which every class counts the same in each fold, mean 1 over the fold's
    images."""
    balanced = weight.clone()
    for fold in range(len(weight)):
        counts = torch.stack([weight[fold][labels == c].sum() for c in range(classes)]).clamp(min=1)
        balanced[fold] *= (counts.sum() / (classes * counts))[labels]
    return balanced


def train_folded(
    config: TrainingConfig,
    images: Tensor,
    labels: Tensor,
    weight: Tensor,
    *,
    seed: int,
    fold_seeds: Sequence[int] | None = None,
    initial: Weights | None = None,
    on_epoch: Callable[[int, Weights], None] | None = None,
    device: str = "cpu",
    interim: Interim | None = None,
    keep: Callable[[Callable[[], Interim]], object] | None = None,
) -> Weights:
    """Train `len(weight)` networks at once.

    images (N, 3, 28, 28) uint8; labels (N,) int64; weight (f, N) float, 0 = not in this fold's training. `initial`
    starts from given weights instead of fresh ones. `on_epoch(epoch, weights)` sees the weights after each epoch,
    counted from 1. Deterministic per seed on one device and thread count.

    fold_seeds (f): a fold's weights begin by its own seed and everything else random is the same for all, so that what
    becomes of a fold does not depend on those beside it, but for rounding; without, folds differ in their dropout too.
    interim: where an earlier call stood, to go on from; keep: called after each epoch with what makes that.
    """
    folds, count = weight.shape
    if count != len(images) or count != len(labels):
        raise ValueError(f"weight is {tuple(weight.shape)} for {len(images)} images and {len(labels)} labels")
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    if interim is not None:
        start = interim["weights"]
    elif initial is not None:
        start = initial
    elif fold_seeds is not None:
        start = _side_by_side([init_weights(config.model, 1, torch.Generator().manual_seed(s)) for s in fold_seeds])
    else:
        start = init_weights(config.model, folds, generator)
    weights = {name: value.detach().clone().to(device).requires_grad_() for name, value in start.items()}
    optimizer = torch.optim.AdamW(
        list(weights.values()), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    first = 1
    if interim is not None:
        optimizer.load_state_dict(interim["optimiser"])
        _set_random(generator, device, interim["random"])
        first = interim["epoch"] + 1
    classes = config.model.num_classes
    loss_weight = (balance(weight, labels, classes) if config.balanced else weight).to(device)
    images, labels = images.to(device), labels.to(device)
    steps = math.ceil(count / config.batch_size)
    step = (first - 1) * steps
    for epoch in range(first, config.epochs + 1):
        order = torch.randperm(count, generator=generator)
        for chosen in order.tensor_split(steps):
            if config.schedule == "cosine":
                rate = config.learning_rate * 0.5 * (1 + math.cos(math.pi * step / (config.epochs * steps)))
                for group in optimizer.param_groups:
                    group["lr"] = rate
            step += 1
            batch = images[chosen]
            if config.flip:
                flipped = torch.rand(len(chosen), generator=generator) < 0.5
                batch = torch.where(flipped.to(device)[:, None, None, None], mirror(batch), batch)
            batch = shift_randomly(batch, config.shift_px, generator)
            x = network_input(batch, kind=config.input)
            target = F.one_hot(labels[chosen], classes).float().expand(folds, -1, -1)
            share = loss_weight[:, chosen]
            if config.mixup > 0:
                # Partners stay inside the batch; an image that a fold must not see gives its partner weight 0 there
                # as well.
                partner = torch.randperm(len(chosen), generator=generator)
                mix = float(np.random.default_rng(seed * 100_003 + step).beta(config.mixup, config.mixup))
                x = mix * x + (1 - mix) * x[partner]
                target = mix * target + (1 - mix) * target[:, partner]
                share = (mix * share + (1 - mix) * share[:, partner]) * ((share > 0) & (share[:, partner] > 0))
            with matrix_precision(config, device):
                logits = forward(config.model, weights, patches(x), training=True, alike=fold_seeds is not None)
            logits = logits.float()
            if config.label_smoothing:
                target = target * (1 - config.label_smoothing) + config.label_smoothing / classes
            loss = (-(target * logits.log_softmax(-1)).sum(-1) * share).sum(1) / len(chosen)
            optimizer.zero_grad(set_to_none=True)
            loss.sum().backward()
            optimizer.step()
        if on_epoch is not None:
            with torch.no_grad():
                on_epoch(epoch, weights)
        if keep is not None:

            def here(epoch: int = epoch) -> Interim:
                return {
                    "epoch": epoch,
                    "weights": {name: value.detach() for name, value in weights.items()},
                    "optimiser": optimizer.state_dict(),
                    "random": _random(generator, device),
                }

            keep(here)
    return {name: value.detach() for name, value in weights.items()}


def matrix_precision(config: TrainingConfig, device: str) -> AbstractContextManager[Any]:
    """Inside, matrix products are bfloat16 where the configuration says so."""
    if config.precision == "bf16":
        return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)
    return nullcontext()


def _side_by_side(each: Sequence[Weights]) -> Weights:
    return {name: torch.cat([one[name] for one in each]) for name in each[0]}


def _random(generator: torch.Generator, device: str) -> list[Tensor]:
    """Of the batches, and of dropout on the CPU or the GPU."""
    on_gpu = torch.device(device).type == "cuda"
    return [generator.get_state(), torch.cuda.get_rng_state(device) if on_gpu else torch.get_rng_state()]


def _set_random(generator: torch.Generator, device: str, states: Sequence[Tensor]) -> None:
    generator.set_state(states[0])
    if torch.device(device).type == "cuda":
        torch.cuda.set_rng_state(states[1], device)
    else:
        torch.set_rng_state(states[1])


@torch.no_grad()
def predict(config: TrainingConfig, weights: Weights, images: Tensor) -> Tensor:
    """(N, 3, 28, 28) uint8 for all folds or (f, N, 3, 28, 28) for each -> probabilities (f, N, classes); averaged with
    the mirrored image where the network was trained with it. images and weights lie on one device."""
    lead, device = images.shape[:-3], str(images.device)

    def probabilities(batch: Tensor) -> Tensor:
        x = patches(network_input(batch, kind=config.input)).view(*lead, 16, -1)
        with matrix_precision(config, device):
            logits = forward(config.model, weights, x)
        return logits.float().softmax(-1)

    flat = images.reshape(-1, *images.shape[-3:])
    result = probabilities(flat)
    if config.flip:
        result = (result + probabilities(mirror(flat))) / 2
    return result
