"""Every file of configs/ is one that its command takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.bundle.metadata import read_metadata
from model_training.configuration import read_toml
from model_training.microexpression.config import simulation_config, training_config
from model_training.tasks import make_task
from model_training.training.config import load_config

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(CONFIGS.glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_command_that_it_belongs_to_takes_it(path: Path) -> None:
    values = read_toml(path)
    if path.name.endswith("_metadata.toml"):
        read_metadata(path)
    elif {"training", "simulation"} & set(values):
        if "training" in values:
            training_config(path)
        if "simulation" in values:
            simulation_config(path)
    else:
        make_task(load_config(path)).build_model(None)


def test_each_task_has_an_example() -> None:
    runs = [path for path in FILES if {"data", "base"} & set(read_toml(path))]
    assert {load_config(path).task for path in runs} == {"palsy", "microexpression"}
