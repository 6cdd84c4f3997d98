"""Trainings of an ensemble that are stopped between epochs end with the files of those that were not."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from htnet.commands import app
from model_training.errors import Interrupted
from model_training.microexpression.folded import interim
from tests.model_training.microexpression.folded.flow_clips import made_up

CONFIG = """[training]
epochs = 4
batch_size = 16
[training.model]
dim = 4
block_repeats = [1, 1, 1]
dropout = 0.2
"""


def run(folder: Path, command: str, *options: object) -> Result:
    given = ["microexpression", command, "--config", folder / "small.toml", *options]
    return CliRunner().invoke(app, [str(one) for one in given])


def stopped_after(epoch: int, monkeypatch: pytest.MonkeyPatch, folder: Path, *given: object) -> Result:
    """Ctrl-C comes in the epoch after."""
    kept = 0
    keep = interim.KeptEnsemble.keep

    def stopping(self: interim.KeptEnsemble, make: object) -> None:
        nonlocal kept
        keep(self, make)  # type: ignore[arg-type]
        kept += 1
        if kept == epoch:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(interim.KeptEnsemble, "keep", stopping)
        return run(folder, *given)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = made_up(subjects=12, clips=4)
    np.savez(tmp_path / "simulated.npz", flow=data.images, label=data.labels, person=data.subject_index())
    np.savez(
        tmp_path / "clips.npz", flow=data.images, label=data.labels, subject=data.subjects, dataset=data.datasets,
        clip=data.clips, class_names=np.array(data.class_names),
    )  # fmt: skip
    (tmp_path / "small.toml").write_text(CONFIG)
    return tmp_path


def test_reference_and_finetune_go_on_epoch_by_epoch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = ["reference", "--simulated", folder / "simulated.npz", "--members", 2, "--out"]
    tuning = ["finetune", "--checkpoint", folder / "whole.pt", "--data", folder / "clips.npz", "--out"]
    for given, whole, out in ((reference, "whole.pt", "made.pt"), (tuning, "whole_tuned.pt", "tuned.pt")):
        first = run(folder, *given, folder / whole)
        assert first.exit_code == 0, first.exception
        stopped = stopped_after(1, monkeypatch, folder, *given, folder / out)
        assert isinstance(stopped.exception, Interrupted), stopped.exception
        place = folder / out.replace(".pt", "-training")
        assert str(stopped.exception).startswith(f"Stopped after epoch 1. Everything is saved in {place}; the same")
        again = stopped_after(2, monkeypatch, folder, *given, folder / out, "--resume")
        assert str(again.exception).startswith("Stopped after epoch 3.")
        assert "Go on with --resume" in str(run(folder, *given, folder / out).exception)
        other = run(folder, *given, folder / out, "--resume", "--seed", 3)
        assert "holds a training made with another seed; repeat what" in str(other.exception)
        resumed = run(folder, *given, folder / out, "--resume")
        assert resumed.exit_code == 0, resumed.exception
        assert (folder / out).read_bytes() == (folder / whole).read_bytes()
