"""Tiny runs of training: their configuration, what they log, and where one is stopped."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from model_training.configuration import build
from model_training.training.config import TrainConfig
from model_training.training.learner import Learner

TINY = {
    "name": "HTNetEnhanced",
    "image_size": 224,
    "patch_size": 14,
    "dim": 8,
    "heads": 1,
    "num_hierarchies": 2,
    "block_repeats": [1, 1],
    "use_geometry": True,
    "geometry_components": 4,
    "dropout": 0.1,
    "head_dim": 16,
}


HTNET = {
    "name": "HTNet",
    "image_size": 224,
    "patch_size": 28,
    "dim": 8,
    "heads": 1,
    "num_hierarchies": 2,
    "block_repeats": [1, 1],
}


def config(
    cache: Path, out: Path, *, model: dict | None = None, loss: dict | None = None, **sections: dict
) -> TrainConfig:
    values = {
        "data": {"cache": str(cache)},
        "model": model or TINY,
        "loss": loss or {},
        "optimisation": {
            "epochs": 2,
            "batch_size": 4,
            "learning_rate": 3e-3,
            "warmup_epochs": 0.5,
            **sections.get("optimisation", {}),
        },
        "augmentation": sections.get("augmentation", {}),
        "run": {"out": str(out), "tensorboard": False, "threads": 1, **sections.get("run", {})},
    }
    values["data"] |= sections.get("data", {})
    return build(TrainConfig, values, source="test")


def losses(out: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (out / "steps.jsonl").read_text().splitlines()]


def quiet(_text: str) -> None: ...


def at_step(number: int, patch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Do something in the `number`-th optimiser step of a run (an epoch of these has 8)."""
    step, calls = Learner.step, itertools.count(1)

    def interrupting(self: Learner, *arguments: object, **keywords: object) -> object:
        if next(calls) == number:
            do()
        return step(self, *arguments, **keywords)

    patch.setattr(Learner, "step", interrupting)
