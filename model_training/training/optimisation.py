"""Optimiser, learning-rate schedule and the moving average of the weights."""

from __future__ import annotations

import copy
import math
from typing import TypedDict

import torch
from torch import Tensor, nn

from model_training.training.config import OptimisationConfig


def make_optimiser(model: nn.Module, config: OptimisationConfig) -> torch.optim.AdamW:
    """AdamW; weight decay for matrices only, not for biases, norms and other vectors."""
    matrices = [p for p in model.parameters() if p.requires_grad and p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.requires_grad and p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=config.learning_rate)


def learning_rate(step: int, *, steps: int, steps_per_epoch: int, config: OptimisationConfig) -> float:
    """Linear warm-up, then half a cosine down to final_learning_rate at the last of `steps`."""
    warmup = round(config.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - 1 - warmup))
    return (
        config.final_learning_rate
        + (config.learning_rate - config.final_learning_rate) * (1 + math.cos(math.pi * progress)) / 2
    )


class AverageState(TypedDict):
    """updates: how many there were; weights: of the averaged network."""

    updates: int
    weights: dict[str, Tensor]


class MovingAverage:
    """Exponential moving average of a network's weights, with the usual shorter memory at the start.

    After t updates the decay is min(decay, (1 + t) / (10 + t)). Buffers are copied. decay 0 follows the weights
    exactly.
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates)) if self.decay > 0 else 0.0
        self.updates += 1
        averaged: list[Tensor] = list(self.model.parameters())
        current = [p.detach() for p in model.parameters()]
        torch._foreach_lerp_(averaged, current, 1 - decay)
        for mine, theirs in zip(self.model.buffers(), model.buffers(), strict=True):
            mine.copy_(theirs)

    def state_dict(self) -> AverageState:
        return {"updates": self.updates, "weights": self.model.state_dict()}

    def load_state_dict(self, state: AverageState) -> None:
        self.updates = state["updates"]
        self.model.load_state_dict(state["weights"])
