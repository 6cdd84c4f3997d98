"""Configuration: strict keys, clear messages, overrides."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_training.errors import TrainingError
from model_training.training.config import load_config

MINIMAL = '[data]\ncache = "c"\n[model]\nname = "HTNet"\n[run]\nout = "o"\n'


def written(folder: Path, text: str) -> Path:
    (folder / "c.toml").write_text(text, encoding="utf-8")
    return folder / "c.toml"


def test_defaults_and_overrides(tmp_path: Path) -> None:
    loaded = load_config(
        written(tmp_path, MINIMAL), overrides=("run.seed=7", "optimisation.precision=bf16", "data.labels=['a', 'b']")
    )
    assert (loaded.run.seed, loaded.optimisation.precision, loaded.data.labels) == (7, "bf16", ("a", "b"))
    assert loaded.to_dict()["data"]["labels"] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "[optimisation]\nlearning_rat = 1", r"unknown key 'optimisation\.learning_rat'; known here: epochs"),
        (MINIMAL + "[loose]\nx = 1", "unknown key 'loose'"),
        ("[training]\nepochs = 3", r"has \[training\], so it is a configuration of `htnet microexpression loso`, `ref"),
        ('[data]\ncache = "c"\n[model]\n', "missing key 'run'"),
        ('[data]\n[model]\n[run]\nout = "o"\n', r"missing key 'data\.cache'"),
        (MINIMAL + '[optimisation]\nepochs = "many"', r"'optimisation\.epochs' must be int, got 'many'"),
        (MINIMAL + "[optimisation]\ncompile = 1", r"'optimisation\.compile' must be bool, got 1"),
        (MINIMAL + '[optimisation]\nprecision = "fp8"', r"must be one of 'float32', 'bf16', got 'fp8'"),
        (MINIMAL + "[optimisation]\nbatch_size = 0", r"optimisation\.batch_size must lie in .1, 1000000., got 0"),
        ("data = 3\n" + '[model]\n[run]\nout = "o"\n', "'data' must be a section, got 3"),
        ("[data", "not valid TOML"),
    ],
)
def test_every_mistake_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        load_config(written(tmp_path, text))


def test_a_base_gives_what_a_file_does_not_set(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(MINIMAL + "seed = 4\n[optimisation]\nepochs = 9\nbatch_size = 5\n")
    path = written(tmp_path, 'base = "base.toml"\n[optimisation]\nepochs = 2\n[augmentation]\nblur = 0.1\n')
    loaded = load_config(path, overrides=("optimisation.batch_size=6",))
    assert (loaded.optimisation.epochs, loaded.optimisation.batch_size) == (2, 6)
    assert (loaded.run.seed, loaded.model["name"], loaded.augmentation.blur) == (4, "HTNet", 0.1)
    (tmp_path / "base.toml").write_text('base = "base.toml"\n' + MINIMAL)
    with pytest.raises(TrainingError, match="unknown key 'base'"):
        load_config(path)
    (tmp_path / "base.toml").unlink()
    with pytest.raises(TrainingError, match=r"base\.toml: no such configuration"):
        load_config(path)


def test_overrides_are_as_strict(tmp_path: Path) -> None:
    path = written(tmp_path, MINIMAL)
    for override, message in (
        ("run.sed=1", "unknown key 'run.sed'"),
        ("run.seed", "write it as section.key=value"),
        ("data.cache.x=1", "not a section"),
    ):
        with pytest.raises(TrainingError, match=message):
            load_config(path, overrides=(override,))
    with pytest.raises(TrainingError, match="no such configuration"):
        load_config(tmp_path / "absent.toml")
