"""Training on a CUDA device: `pytest -m gpu`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from model_training.data.cache import open_cache
from model_training.errors import Interrupted
from model_training.networks.build import restore
from model_training.tasks import make_task
from model_training.training.checkpoint import load_checkpoint
from model_training.training.run_model import run_model
from model_training.training.train import train
from tests.model_training.caches import write_cache
from tests.model_training.training.tiny_runs import TINY, at_step, config, losses, quiet

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cache(tmp_path_factory.mktemp("cache"))


def test_the_gpu_learns_what_the_cpu_learns(cache: Path, tmp_path: Path) -> None:
    for device in ("cpu", "cuda"):  # without dropout, whose masks differ
        train(
            make_task(config(cache, tmp_path / device, model=TINY | {"dropout": 0.0}, run={"device": device})),
            say=quiet,
        )
    np.testing.assert_allclose(losses(tmp_path / "cuda"), losses(tmp_path / "cpu"), rtol=0.02)


def test_bf16_compiled_and_the_checkpoint_answers_alike_on_both(cache: Path, tmp_path: Path) -> None:
    given = config(
        cache, tmp_path, run={"device": "cuda"}, optimisation={"epochs": 6, "precision": "bf16", "compile": True}
    )
    best = train(make_task(given), say=quiet).best
    seen = losses(tmp_path)
    assert sum(seen[-8:]) < sum(seen[:8])
    checkpoint, opened = load_checkpoint(best), open_cache(cache, kind="palsy")
    rows = np.arange(len(opened))
    answers = [
        run_model(
            make_task(given),
            restore(checkpoint.config["model"], checkpoint.state_dict, source="best.pt").to(device),
            opened,
            rows,
            device=device,
        )["grade_logits"]
        for device in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(*answers, atol=5e-3)


def test_a_run_stopped_on_the_gpu_goes_on_with_the_same_losses(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, part = (config(cache, tmp_path / name, run={"device": "cuda"}) for name in ("whole", "part"))
    train(make_task(whole), say=quiet)
    at_step(12, monkeypatch, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(Interrupted):
        train(make_task(part), say=quiet)
    train(make_task(part), resume=True, say=quiet)
    # Sums on a GPU are taken in no fixed order.
    np.testing.assert_allclose(losses(tmp_path / "part"), losses(tmp_path / "whole"), rtol=0.02)
