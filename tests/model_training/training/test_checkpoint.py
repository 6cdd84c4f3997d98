"""What a checkpoint says it is, read from files of today and from before they said so, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from face.microexpression.spec import MicroExpressionSpec
from model_training.errors import TrainingError
from model_training.microexpression.folded.network import FoldedConfig
from model_training.microexpression.folded.reference import SimulatedSet, load_reference, train_reference
from model_training.microexpression.folded.training import TrainingConfig
from model_training.training.checkpoint import FOLDED_ENSEMBLE, Checkpoint, load_checkpoint, save_checkpoint

SHIPPED = Path(__file__).resolve().parents[3] / "models" / "palsy" / "checkpoint.pt"
NEW_FIELDS = ("format", "task", "network", "labels")


def a_checkpoint(**changes: Any) -> Checkpoint:
    fields: dict[str, Any] = {
        "task": "palsy",
        "network": "HTNet",
        "config": {"model": {"name": "HTNet", "dim": 8}},
        "labels": ("I", "II"),
        "preprocessing": {"kind": "palsy", "spec": {}, "fingerprint": "f"},
        "state_dict": {"a": torch.zeros(2)},
    }
    return Checkpoint(**{**fields, **changes})


@pytest.fixture(scope="module")
def ensemble() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(10), 3)
    simulated = SimulatedSet(
        rng.integers(0, 256, (30, 28, 28, 3)).astype(np.uint8), np.tile(np.arange(3), 10).astype(np.int64), people
    )
    config = TrainingConfig(model=FoldedConfig(dim=4, block_repeats=(1, 1, 1)), epochs=1)
    return train_reference(config, simulated, members=2, seed=0, spec=MicroExpressionSpec())


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = a_checkpoint(calibration={"temperature": 1.5}, metrics={"uf1": 0.5}, training_data={"datasets": ["a"]})
    save_checkpoint(written, tmp_path / "best.pt")
    read = load_checkpoint(tmp_path / "best.pt")
    assert read.path == tmp_path / "best.pt"
    assert {k: v for k, v in read.stored().items() if k != "state_dict"} == {
        k: v for k, v in written.stored().items() if k != "state_dict"
    }
    torch.testing.assert_close(read.state_dict, written.state_dict)


def test_an_ensemble_says_that_it_is_one(ensemble: dict[str, Any], tmp_path: Path) -> None:
    torch.save(ensemble, tmp_path / "reference.pt")
    read = load_checkpoint(tmp_path / "reference.pt")
    assert (read.task, read.network) == ("microexpression", FOLDED_ENSEMBLE)
    assert read.labels == ("negative", "positive", "surprise")
    again = load_reference(tmp_path / "reference.pt")
    assert again["calibration"] == ensemble["calibration"]
    assert again.keys() >= ensemble.keys()


@pytest.mark.parametrize("kind", ["simulation", "fine-tuned"])
def test_an_ensemble_from_before_it_said_so_is_read_as_one(ensemble: dict[str, Any], kind: str, tmp_path: Path) -> None:
    older = {name: value for name, value in ensemble.items() if name not in NEW_FIELDS}
    torch.save({**older, "training_data": {"kind": kind}}, tmp_path / "reference.pt")
    read = load_reference(tmp_path / "reference.pt")
    assert {name: read[name] for name in NEW_FIELDS} == {name: ensemble[name] for name in NEW_FIELDS}


def test_the_shipped_checkpoint_is_from_before_and_loads_unchanged() -> None:
    stored = torch.load(SHIPPED, weights_only=True)
    assert "network" not in stored
    read = load_checkpoint(SHIPPED)
    assert (read.task, read.network) == ("palsy", "HTNetEnhanced")
    assert read.config == stored["config"]
    assert read.calibration == stored["calibration"]
    torch.testing.assert_close(dict(read.state_dict), dict(stored["state_dict"]), rtol=0, atol=0)


def test_a_network_is_never_told_by_the_names_of_its_weights(ensemble: dict[str, Any], tmp_path: Path) -> None:
    """Neither a network whose weights are named as an ensemble's, nor an ensemble's weights without their record."""
    save_checkpoint(a_checkpoint(state_dict=ensemble["state_dict"]), tmp_path / "a.pt")
    assert load_checkpoint(tmp_path / "a.pt").network == "HTNet"
    torch.save({"config": ensemble["config"], "state_dict": ensemble["state_dict"]}, tmp_path / "b.pt")
    with pytest.raises(TrainingError, match=r"b\.pt: not a checkpoint of this package, it lacks task, network"):
        load_checkpoint(tmp_path / "b.pt")


def test_a_command_for_ensembles_says_what_it_was_given() -> None:
    with pytest.raises(TrainingError, match=r"checkpoint\.pt: holds HTNetEnhanced for palsy; needed is an ensemble"):
        load_reference(SHIPPED)


def _cut(path: Path) -> None:
    whole = SHIPPED.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _flip(path: Path) -> None:
    data = bytearray(SHIPPED.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_folder_says_what_of_it_could_be_given(tmp_path: Path) -> None:
    def told() -> str:
        with pytest.raises(TrainingError) as refused:
            load_checkpoint(tmp_path)
        return str(refused.value).removeprefix(f"{tmp_path}: ")

    assert told() == "a folder, not a checkpoint"
    (tmp_path / "steps.jsonl").touch()
    save_checkpoint(a_checkpoint(), tmp_path / "best.pt")
    assert told() == f"a folder, not a checkpoint; there is {tmp_path / 'best.pt'}"
    (tmp_path / "sub01.pth").touch()
    assert "original HTNet become checkpoints with `htnet import-original`" in told()
    save_checkpoint(a_checkpoint(), tmp_path / "palsy/checkpoint.pt")
    assert told() == f"a folder of several, give one of them: {tmp_path / 'palsy'}"


class _Command:
    def __reduce__(self) -> Any:
        return pytest.fail, ("a checkpoint ran code",)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (Path.is_file, "no such checkpoint"),
        (lambda path: path.mkdir(), "a folder, not a checkpoint"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_text("hello"), "it is not a file of torch.save"),
        (_cut, "its end is missing, it was not written or copied whole"),
        (_flip, "damaged, the checksum of its part .+ does not fit"),
        (lambda path: torch.save(torch.nn.Linear(2, 2), path), "objects are never loaded, they can run code"),
        (lambda path: torch.save({"a": _Command()}, path), "objects are never loaded, they can run code"),
        (lambda path: path.write_bytes(pickle.dumps({"a": _Command()})), "it is not a file of torch.save"),
        (lambda path: torch.save(torch.zeros(2), path), "it holds a Tensor"),
        (lambda path: torch.save(torch.nn.Linear(2, 2).state_dict(), path), "bare weights without the configuration"),
        (lambda path: torch.save({"config": {}, "preprocessing": "f", "progress": {}}, path), "best.pt beside it"),
        (lambda path: torch.save({**a_checkpoint().stored(), "labels": 3}, path), "its field labels is int, not list"),
        (lambda path: save_checkpoint(a_checkpoint(config={}), path), "it lacks config.model"),
        (lambda path: save_checkpoint(a_checkpoint(preprocessing={"spec": {}}), path), "lacks preprocessing.finger"),
        (lambda path: torch.save({**a_checkpoint().stored(), "format": 2}, path), "checkpoint format 2, this version"),
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_named_in_one_sentence(write: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "given.pt"
    write(path)
    with pytest.raises(TrainingError, match=rf"^{path}: .*{message}") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)
