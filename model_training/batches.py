"""Which samples make up which batch, and batches ready before the model asks.

Every batch is a pure function of (seed, epoch, position): the order from one generator per epoch, each sample's
augmentation from one generator per position. So a resumed run sees what an uninterrupted one would have seen, and two
processes of batch 16 see what one of batch 32 sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Arrays = dict[str, npt.NDArray[Any]]
_ORDER, _SAMPLE = 1, 2


def class_weights(labels: npt.NDArray[np.int64], *, power: float) -> npt.NDArray[np.float64]:
    """Per-sample weights (mean 1): class frequency to the power -`power`. 0 leaves the frequencies, 1 makes the classes
    equal."""
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights = counts[inverse].astype(np.float64) ** -power
    return np.asarray(weights / weights.mean())


@dataclass(frozen=True, kw_only=True)
class EpochPlan:
    """How an epoch is cut. samples: number of training samples; weights: sampling weights or None for each sample
    once."""

    samples: int
    batch_size: int
    accumulate: int
    world: int
    seed: int
    weights: npt.NDArray[np.float64] | None = None

    @property
    def step_samples(self) -> int:
        return self.batch_size * self.accumulate * self.world

    @property
    def steps(self) -> int:
        """Optimiser steps per epoch; the rest that does not fill a step waits for another epoch's order."""
        return max(1, self.samples // self.step_samples)

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """(steps * step_samples,) positions of samples."""
        rng = np.random.default_rng([self.seed, _ORDER, epoch])
        count = self.steps * self.step_samples
        if self.weights is not None:
            return rng.choice(self.samples, size=count, p=self.weights / self.weights.sum())
        return np.resize(rng.permutation(self.samples), count)

    def batch(
        self, order: npt.NDArray[np.int64], *, step: int, micro: int, rank: int
    ) -> tuple[int, npt.NDArray[np.int64]]:
        """(first position in the epoch, sample indices) of one process's part of a micro-batch."""
        start = step * self.step_samples + (micro * self.world + rank) * self.batch_size
        return start, order[start : start + self.batch_size]


class BatchSource:
    """Augmented batches as tensors, prepared by threads while the model computes.

    arrays: (N, ...) of the training samples by name; augment(sample, rng) -> sample. NumPy and OpenCV release the
    interpreter lock in their inner loops.
    """

    def __init__(
        self,
        arrays: Mapping[str, npt.NDArray[Any]],
        *,
        plan: EpochPlan,
        augment: Callable[[Mapping[str, Any], np.random.Generator], Arrays],
        workers: int = 1,
        pin: bool = False,
    ) -> None:
        self.arrays, self.plan, self.augment, self.pin = arrays, plan, augment, pin
        self.workers = workers

    def make(self, epoch: int, first: int, indices: npt.NDArray[np.int64]) -> dict[str, Tensor]:
        samples = []
        for offset, index in enumerate(indices):
            rng = np.random.default_rng([self.plan.seed, _SAMPLE, epoch, first + offset])
            samples.append(self.augment({name: values[index] for name, values in self.arrays.items()}, rng))
        batch = {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in samples[0]}
        return {name: values.pin_memory() for name, values in batch.items()} if self.pin else batch

    def epoch(self, epoch: int, *, first_step: int = 0, rank: int = 0) -> Iterator[list[dict[str, Tensor]]]:
        """The micro-batches of each optimiser step from `first_step` on."""
        plan = self.plan
        order = plan.order(epoch)
        wanted = [
            plan.batch(order, step=step, micro=micro, rank=rank)
            for step in range(first_step, plan.steps)
            for micro in range(plan.accumulate)
        ]
        ahead = max(2, 2 * self.workers)
        with ThreadPoolExecutor(self.workers, thread_name_prefix="batches") as pool:
            queue: list[Future[dict[str, Tensor]]] = []
            following = iter(wanted)
            try:
                for first, indices in following:
                    queue.append(pool.submit(self.make, epoch, first, indices))
                    if len(queue) >= ahead:
                        break
                micro: list[dict[str, Tensor]] = []
                while queue:
                    micro.append(queue.pop(0).result())
                    upcoming = next(following, None)
                    if upcoming is not None:
                        queue.append(pool.submit(self.make, epoch, *upcoming))
                    if len(micro) == plan.accumulate:
                        yield micro
                        micro = []
            finally:
                for future in queue:
                    future.cancel()
