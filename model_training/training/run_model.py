"""A network's answers for rows of a cache: what validation, `evaluate` and `crossval` judge."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from model_training.data.cache import Cache
from model_training.runtime.arrays import Arrays
from model_training.training.row_split import Rows
from model_training.training.task import Outputs, Task


@torch.inference_mode()
def run_model(
    task: Task,
    model: nn.Module,
    cache: Cache,
    rows: Rows,
    *,
    device: str = "cpu",
    batch_size: int = 32,
    progress: Callable[[int, int], object] | None = None,
) -> Outputs:
    """What judging needs of every row, without augmentation, in the order of `rows`. progress: called with (rows done,
    all)."""
    model.eval()
    collected: list[Outputs] = []
    for start in range(0, max(len(rows), 1), batch_size):
        arrays: Arrays = task.arrays(cache, rows[start : start + batch_size])
        batch = {name: torch.from_numpy(np.ascontiguousarray(values)).to(device) for name, values in arrays.items()}
        collected.append(task.collect(task.forward(model, batch)))
        if progress is not None:
            progress(min(start + batch_size, len(rows)), len(rows))
    return {name: np.concatenate([part[name] for part in collected]) for name in collected[0]}
