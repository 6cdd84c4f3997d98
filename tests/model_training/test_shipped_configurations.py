"""Every file of configs/ is one that its command takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.bundle.metadata import read_metadata
from model_training.configuration import build, read_toml
from model_training.microexpression.config import simulation_config, training_config
from model_training.palsy.losses import PalsyLossConfig
from model_training.tasks import make_task
from model_training.training.config import load_config

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(CONFIGS.glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_command_that_it_belongs_to_takes_it(path: Path) -> None:
    values = read_toml(path)
    if path.name.endswith("_metadata.toml"):
        assert read_metadata(path).limitations
    elif {"training", "simulation"} & set(values):
        if "training" in values:
            assert training_config(path).epochs > 0
        if "simulation" in values:
            assert simulation_config(path).tvl1_share == 0.4
    else:
        settings = load_config(path)
        make_task(settings).build_model(None)
        assert settings.task != "palsy" or build(PalsyLossConfig, settings.loss).grade > 0


def test_each_task_has_an_example() -> None:
    runs = [path for path in FILES if {"data", "base"} & set(read_toml(path))]
    assert {load_config(path).task for path in runs} == {"palsy", "microexpression"}
