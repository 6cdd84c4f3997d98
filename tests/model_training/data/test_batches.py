"""Batches are the same whoever prepares them, and whenever a run resumes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from model_training.data.batches import Arrays, BatchSource, EpochPlan

PLAN = EpochPlan(samples=20, batch_size=2, accumulate=2, world=1, seed=7)


def source(processes: int) -> BatchSource:
    def add_noise(sample: Mapping[str, Any], rng: np.random.Generator) -> Arrays:
        return {"x": sample["x"] + rng.standard_normal(3)}

    return BatchSource({"x": np.arange(60.0).reshape(20, 3)}, plan=PLAN, augment=add_noise, processes=processes)


def steps(source: BatchSource, epoch: int, *, first_step: int = 0) -> list[torch.Tensor]:
    return [torch.cat([batch["x"] for batch in micro]) for micro in source.epoch(epoch, first_step=first_step)]


def test_processes_and_a_thread_prepare_the_same_batches_epoch_after_epoch() -> None:
    thread, processes = source(0), source(2)
    for epoch in (0, 1):
        expected, found = steps(thread, epoch), steps(processes, epoch)
        assert len(expected) == PLAN.steps == 5
        assert torch.equal(torch.stack(expected), torch.stack(found))
    assert not torch.equal(torch.stack(expected), torch.stack(steps(thread, 0)))


def test_an_epoch_goes_on_at_any_step_and_can_be_left_at_any_step() -> None:
    for processes in (0, 2):
        resumed = source(processes)
        left = resumed.epoch(0)
        next(left)
        left.close()
        whole = steps(resumed, 0)
        assert torch.equal(torch.stack(whole[3:]), torch.stack(steps(resumed, 0, first_step=3)))


def test_ctrl_c_leaves_the_processes_to_their_work() -> None:
    interrupted = source(2)
    running = interrupted.epoch(0)
    first = next(running)
    for process in multiprocessing.active_children():
        assert process.pid is not None
        os.kill(process.pid, signal.SIGINT)
    rest = list(running)
    found = [torch.cat([batch["x"] for batch in micro]) for micro in (first, *rest)]
    assert torch.equal(torch.stack(found), torch.stack(steps(source(0), 0)))
