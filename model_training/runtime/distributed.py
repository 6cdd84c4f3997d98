"""One process or several: `torchrun --nproc-per-node 2 -m htnet palsy train ...` sets the environment that this
reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed

from model_training.errors import TrainingError
from model_training.runtime.gpu_presence import refuse_missing_gpu


@dataclass(frozen=True)
class World:
    """rank 0 writes files and talks; every rank trains and evaluates its share."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """True on every rank when it is true on one, so that all stop at the same step."""
        if self.size == 1:
            return flag
        value = torch.tensor([int(flag)], device=self.device)
        distributed.all_reduce(value, op=distributed.ReduceOp.MAX)
        return bool(value.item())

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, in rank order, on every rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value)
        return values

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        if self.size == 1:
            return value
        value = value.clone()
        distributed.all_reduce(value)
        return value / self.size


def check_device(device: str, *, name: str = "--device") -> None:
    """Raises TrainingError for anything but `cpu`, `cuda` and `cuda:N`, and for a GPU that is not there: it never
    becomes the CPU in silence. name: of the option."""
    refuse_missing_gpu(device, name=name)
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device != "cpu" and int(device.partition(":")[2] or 0) >= there:
        raise TrainingError(
            f"{name} is {device!r}, but PyTorch finds {there or 'no'} usable CUDA GPU{'s' if there > 1 else ''} here. "
            "Use cpu, or a CUDA build of torch with its driver."
        )


@contextmanager
def join_world(device: str) -> Iterator[World]:
    """The process group of torchrun, or a world of one. device: `cpu`, `cuda` (this rank's GPU) or `cuda:N`; see
    check_device."""
    size, rank, local = (
        int(os.environ.get(name, default))
        for name, default in (("WORLD_SIZE", "1"), ("RANK", "0"), ("LOCAL_RANK", "0"))
    )
    if device == "cuda":
        device = f"cuda:{local}"
    check_device(device, name="run.device")
    if device != "cpu":
        torch.cuda.set_device(device)
    if size == 1:
        yield World(device=device)
        return
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield World(rank, size, device)
    finally:
        distributed.destroy_process_group()
