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

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from model_training.runtime.arrays import Arrays
from model_training.runtime.interruption import leave_ctrl_c_to_the_parent

Batch = dict[str, Tensor]
# (epoch, position of the first sample in it, sample indices): what a batch follows from.
Key = tuple[int, int, npt.NDArray[np.int64]]
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
    """Augmented batches as tensors, prepared while the model computes.

    arrays: (N, ...) of the training samples by name; augment(sample, rng) -> sample. processes: how many prepare them,
    each on a core of its own; 0 leaves it to a thread, which is enough for a model on the same CPU (NumPy and OpenCV
    release the interpreter lock in their inner loops). pin: in memory that a GPU reads while it computes.
    """

    def __init__(
        self,
        arrays: Mapping[str, npt.NDArray[Any]],
        *,
        plan: EpochPlan,
        augment: Callable[[Mapping[str, Any], np.random.Generator], Arrays],
        processes: int = 0,
        pin: bool = False,
    ) -> None:
        self.plan = plan
        self._batches = _Batches(arrays, augment, plan.seed)
        self._keys = _Keys()
        self._loader: DataLoader[Batch] | None = None
        if processes > 0:
            # OpenCV would start threads of its own in each; and a fork of a process where it has some can hang.
            cv2.setNumThreads(1)
            # They stay for the whole run: a fork of a process with a large cache takes long.
            self._loader = DataLoader(
                self._batches, sampler=self._keys, batch_size=None, num_workers=processes, persistent_workers=True,
                multiprocessing_context="fork", worker_init_fn=leave_ctrl_c_to_the_parent, pin_memory=pin,
            )  # fmt: skip

    def epoch(self, epoch: int, *, first_step: int = 0, rank: int = 0) -> Iterator[list[Batch]]:
        """The micro-batches of each optimiser step from `first_step` on."""
        plan = self.plan
        order = plan.order(epoch)
        self._keys.keys = [
            (epoch, *plan.batch(order, step=step, micro=micro, rank=rank))
            for step in range(first_step, plan.steps)
            for micro in range(plan.accumulate)
        ]
        batches = self._by_a_thread() if self._loader is None else iter(self._loader)
        for _ in range(first_step, plan.steps):
            yield [next(batches) for _ in range(plan.accumulate)]

    def _by_a_thread(self) -> Iterator[Batch]:
        with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
            queue: list[Future[Batch]] = []
            try:
                for key in self._keys.keys:
                    queue.append(pool.submit(self._batches.__getitem__, key))
                    if len(queue) > 2:
                        yield queue.pop(0).result()
                while queue:
                    yield queue.pop(0).result()
            finally:
                for future in queue:
                    future.cancel()


class _Batches(Dataset[Batch]):
    """Every batch that can be asked for, by its key."""

    def __init__(
        self,
        arrays: Mapping[str, npt.NDArray[Any]],
        augment: Callable[[Mapping[str, Any], np.random.Generator], Arrays],
        seed: int,
    ) -> None:
        self.arrays, self.augment, self.seed = arrays, augment, seed

    def __getitem__(self, key: Key) -> Batch:
        epoch, first, indices = key
        samples = []
        for offset, index in enumerate(indices):
            rng = np.random.default_rng([self.seed, _SAMPLE, epoch, first + offset])
            samples.append(self.augment({name: values[index] for name, values in self.arrays.items()}, rng))
        return {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in samples[0]}


class _Keys(Sampler[Key]):
    """The keys of one epoch after another."""

    def __init__(self) -> None:
        self.keys: list[Key] = []

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys)
