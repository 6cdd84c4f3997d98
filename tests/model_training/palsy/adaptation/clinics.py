"""Made-up clinics: caches of people of their own, whose graders may see severity in their own way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_training.palsy.adaptation.heads import HeadFit
from model_training.tasks import make_task
from model_training.training.train import train
from tests.model_training.caches import write_cache
from tests.model_training.training.tiny_runs import config, quiet

Labels = np.ndarray
# For the tiny network and its plain task: as many and as large steps as it takes to learn another way of grading.
LEARNS = HeadFit(epochs=30, learning_rate=5e-4, pull=0.02)


def clinic(folder: Path, *, seed: int, people: int = 24, graders: Callable[[Labels], Labels] | None = None) -> Path:
    """graders: true grades -> theirs."""
    write_cache(folder, people=people, images=5, seed=seed)
    frame = pd.read_parquet(folder / "samples.parquet")
    frame["person_id"] = f"c{seed}-" + frame["person_id"]
    if graders is not None:
        frame["label"] = graders(frame["label"].to_numpy())
    frame.to_parquet(folder / "samples.parquet", index=False)
    return folder


def strict(labels: Labels) -> Labels:
    """Every palsy a grade worse."""
    return np.where(labels > 1, np.minimum(labels + 1, 6), labels)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that has learned the true grades of other people."""
    folder = tmp_path_factory.mktemp("shipped")
    cache = write_cache(folder / "cache", people=24, images=5)
    run = config(cache, folder / "run", optimisation={"epochs": 8, "ema_decay": 0.5})
    return train(make_task(run), say=quiet).best
