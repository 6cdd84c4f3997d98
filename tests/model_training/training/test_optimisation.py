"""Schedule, moving average, class balance, accumulation, early stopping, TensorBoard."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from model_training.data.batches import EpochPlan, class_weights
from model_training.tasks import make_task
from model_training.training.config import OptimisationConfig
from model_training.training.optimisation import MovingAverage, learning_rate
from model_training.training.train import train
from tests.model_training.caches import write_cache
from tests.model_training.training.tiny_runs import TINY, config, losses, quiet


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cache(tmp_path_factory.mktemp("cache"))


def test_the_rate_warms_up_and_follows_half_a_cosine() -> None:
    config = OptimisationConfig(learning_rate=1.0, final_learning_rate=0.1, warmup_epochs=1.0)
    rates = [learning_rate(step, steps=51, steps_per_epoch=10, config=config) for step in range(51)]
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10)
    assert rates[10] == pytest.approx(1.0)
    assert rates[30] == pytest.approx(0.55)
    assert rates[50] == pytest.approx(0.1)
    assert np.all(np.diff(rates[10:]) < 0)


def test_the_average_follows_the_weights_with_a_growing_memory() -> None:
    model = nn.Linear(2, 1, bias=False)
    average = MovingAverage(model, decay=0.5)
    expected = model.weight.detach().clone()
    for update in range(20):
        model.weight.data += 1.0
        average.update(model)
        decay = min(0.5, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * model.weight.detach()
        torch.testing.assert_close(average.model.weight.detach(), expected)
    other = MovingAverage(model, decay=0.5)
    other.load_state_dict(copy.deepcopy(average.state_dict()))
    assert other.updates == 20
    assert torch.equal(other.model.weight, average.model.weight)


def test_rare_classes_are_drawn_more_often_as_far_as_asked() -> None:
    labels = np.repeat([1, 2], [900, 100])
    for power, share in ((0.0, 0.1), (0.5, 0.25), (1.0, 0.5)):
        weights = class_weights(labels, power=power)
        assert weights.mean() == pytest.approx(1)
        plan = EpochPlan(samples=1000, batch_size=100, accumulate=1, world=1, seed=0, weights=weights)
        drawn = np.concatenate([labels[plan.order(epoch)] for epoch in range(5)])
        assert (drawn == 2).mean() == pytest.approx(share, abs=0.02)
    once = EpochPlan(samples=1000, batch_size=100, accumulate=1, world=1, seed=0)
    assert sorted(once.order(0)) == list(range(1000))
    assert list(once.order(0)) != list(once.order(1))


def test_micro_batches_add_up_to_their_batch(cache: Path, tmp_path: Path) -> None:
    # Parts of the loss that are means over known samples only would differ between one batch and two halves, and so
    # would the image branch, which standardises its features over what it sees at once.
    same = {"model": {**TINY, "dropout": 0.0, "use_images": False}, "loss": {"roi": 0.0, "side": 0.0}}
    for name, batch, accumulate in (("one", 8, 1), ("two", 4, 2)):
        optimisation = {"epochs": 2, "batch_size": batch, "accumulate": accumulate}
        train(make_task(config(cache, tmp_path / name, **same, optimisation=optimisation)), say=quiet)
    assert len(losses(tmp_path / "one")) == 8
    np.testing.assert_allclose(losses(tmp_path / "two"), losses(tmp_path / "one"), rtol=2e-4)


def test_training_stops_when_patience_ends_and_keeps_the_best(cache: Path, tmp_path: Path) -> None:
    frozen = {"epochs": 9, "patience": 2, "learning_rate": 1e-9, "final_learning_rate": 1e-9, "ema_decay": 0.0}
    # The geometry alone: the image branch's running statistics would go on changing at any learning rate.
    model = {**TINY, "use_images": False}
    settings = config(cache, tmp_path, model=model, optimisation=frozen, run={"tensorboard": True})
    result = train(make_task(settings), say=quiet)
    epochs = [json.loads(line) for line in (tmp_path / "epochs.jsonl").read_text().splitlines()]
    best = max(range(len(epochs)), key=lambda epoch: epochs[epoch]["score"]) + 1
    assert result.best_epoch == best
    assert result.epochs == len(epochs) == best + 2 < 9
    assert train(make_task(settings), resume=True, say=quiet).epochs == result.epochs  # nothing is left to do

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert {"step/loss", "step/learning_rate", "epoch/kappa", "epoch/images_per_second"} <= set(
        events.Tags()["scalars"]
    )
    assert len(events.Scalars("epoch/kappa")) == result.epochs
