"""What the training loop needs to know of a task, and nothing of its losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor, nn

from model_training.data.cache import Cache
from model_training.runtime.arrays import Arrays
from model_training.training.config import TrainConfig

Outputs = dict[str, npt.NDArray[np.floating[Any]]]
Augment = Callable[[Mapping[str, Any], np.random.Generator], Arrays]


class Task(Protocol):
    """One kind of model: how it is built, fed, judged and calibrated.

    config: of the whole run; kind: of the cache it learns from; labels: names of the classes, in order.
    """

    config: TrainConfig
    kind: str
    labels: tuple[str, ...]

    def arrays(self, cache: Cache, rows: npt.NDArray[np.int64]) -> Arrays:
        """Inputs and targets of these cache rows, by name, first axis = sample."""

    def build_model(self, arrays: Arrays | None) -> nn.Module:
        """A fresh network; arrays: the training samples, for what is fitted on them (None where a checkpoint will bring
        it)."""

    def model_config(self, model: nn.Module) -> dict[str, Any]:
        """{"name": class, **constructor arguments}: enough to build the network again."""

    def augmenter(self, arrays: Arrays) -> Augment:
        """What changes one of these training samples, given a random generator of its own."""

    def forward(self, model: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The network's outputs by name for a batch of `arrays`, first axis = sample. With model.training also those
        that only the loss needs."""

    def loss(
        self, batch: Mapping[str, Tensor], outputs: Mapping[str, Tensor], weights: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """(mean over the batch, its parts by name); weights: per-sample class weights (N,) or None."""

    def collect(self, outputs: Mapping[str, Tensor]) -> Outputs:
        """The few outputs that judging needs, as float32 numpy."""

    def judge(self, frame: pd.DataFrame, outputs: Outputs) -> dict[str, float]:
        """Figures of one evaluation; `score` decides which epoch is best (higher is better)."""

    def calibrate(self, frame: pd.DataFrame, outputs: Outputs) -> dict[str, Any]:
        """What the checkpoint's calibration holds, fitted on validation people."""
