"""How the network of examinations is trained, and in which order its examples come."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from pydantic import Field

from model_training.configuration import Configuration

# Pictures of a step of the measure head, sessions of one of the graders; all of them where there are fewer.
BATCH = 64


class SessionTrainingConfig(Configuration):
    """How the network of examinations is trained."""

    width: int = Field(default=16, ge=1, le=64)
    """Channels of the first convolution."""
    hidden: int = Field(default=96, ge=8, le=512)
    members: int = Field(default=4, ge=1, le=16)
    """Graders whose mean is taken."""
    ridge: float = Field(default=30.0, gt=0)
    """Penalty of the linear part."""
    epochs: int = Field(default=24, ge=1)
    """Passes of the measure head over the pictures."""
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    grader_epochs: int = Field(default=300, ge=1)
    grader_learning_rate: float = Field(default=5e-3, gt=0)
    grader_weight_decay: float = Field(default=0.5, ge=0)
    folds: int = Field(default=3, ge=2, le=10)
    seed: int = Field(default=0, ge=0)


def steps_of(count: int, *, epochs: int) -> int:
    """How many `batches` there are."""
    return epochs * (count // _batch(count))


def batches(count: int, *, epochs: int, seed: int) -> Iterator[npt.NDArray[np.intp]]:
    """Rows of each step; every epoch in an order of its own. What is left over at its end waits for the next."""
    size, rng = _batch(count), np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(count)
        for step in range(count // size):
            yield order[step * size : (step + 1) * size]


def _batch(count: int) -> int:
    return min(BATCH, count)
