"""`htnet palsy train-session` stopped by Ctrl-C: what is said, what is refused, and that nothing is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from torch import Tensor
from typer.testing import CliRunner, Result

from htnet.palsy import sessions
from htnet.palsy.group import palsy
from model_training.data.sample_table import write_table
from model_training.errors import Interrupted, TrainingError, UserError
from model_training.palsy.evaluation.sessions.readings import ReadSession
from model_training.palsy.sessions import grading, measuring, training
from model_training.palsy.trained_parts import TrainedParts
from tests.model_training.palsy.examinations import examinations

CONFIG = """
width = 1
hidden = 8
members = 2
epochs = 4
grader_epochs = 8
folds = 2
"""
MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="module")
def read() -> list[ReadSession]:
    return examinations(12)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[ReadSession]) -> Callable[..., Result]:
    """The command on examinations that need no reading."""
    for name in ("table", "other"):
        frame = pd.DataFrame({"session_id": [name]})
        (tmp_path / name).mkdir()
        write_table(frame, tmp_path / name / "samples.parquet")
    (tmp_path / "small.toml").write_text(CONFIG)
    monkeypatch.setattr(sessions, "_read", lambda tables, *_: [(table, read) for table in tables])

    def run(*options: str, out: str = "session.pt", table: str = "table", config: str = "small.toml") -> Result:
        arguments = [
            *("train-session", str(tmp_path / table), "--out", str(tmp_path / out)),
            *("--models", str(MODELS), "--config", str(tmp_path / config), *options),
        ]
        return CliRunner().invoke(palsy, arguments)

    return run


def stop_at(step: int, loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The loss of that step, counted from 1, comes with a Ctrl-C."""
    called = 0

    def stopping(*arguments: Tensor) -> Tensor:
        nonlocal called
        called += 1
        if called == step:
            os.kill(os.getpid(), signal.SIGINT)
        return loss(*arguments)

    return stopping


def test_a_training_stopped_again_and_again_ends_with_the_same_file(
    command: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = command(out="whole.pt")
    assert whole.exit_code == 0, whole.exception
    assert whole.stdout.splitlines()[-1].endswith(f"wrote {tmp_path / 'whole.pt'}")

    said = [
        (measuring, "measure_loss", 3, "Stopped after step 3 of measuring-without-1."),
        (measuring, "measure_loss", 1, "Stopped after step 4 of measuring-without-1."),
        (measuring, "_fit_linear", 1, "Stopped."),
        (grading, "grade_loss", 5, "Stopped after step 5 of grading-without-1-1."),
        (training, "_spread", 1, "Stopped."),
    ]
    for number, (module, name, step, sentence) in enumerate(said):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, stop_at(step, getattr(module, name)))
            stopped = command(*(["--resume"] if number else []))
        assert isinstance(stopped.exception, Interrupted), stopped.exception
        assert str(stopped.exception).startswith(
            f"{sentence} Everything is saved in {tmp_path / 'session-training'}; the same command with --resume goes on"
        )
        assert not (tmp_path / "session.pt").exists()
    assert command("--resume").stdout.replace("session.pt", "whole.pt") == whole.stdout
    assert (tmp_path / "session.pt").read_bytes() == (tmp_path / "whole.pt").read_bytes()


def test_a_training_is_not_begun_twice_nor_gone_on_with_as_another(
    command: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(measuring, "_fit_linear", stop_at(1, measuring._fit_linear))
        assert str(command().exception).startswith("Stopped.")  # before anything could be kept
    monkeypatch.setattr(measuring, "measure_loss", stop_at(1, measuring.measure_loss))
    begun = command("--resume")
    assert "session-training: nothing to resume yet, starting at the beginning" in begun.stdout
    assert isinstance(begun.exception, Interrupted)
    (tmp_path / "longer.toml").write_text(CONFIG.replace("epochs = 4", "epochs = 5", 1))
    for options, named, message in (
        ([], {}, "session-training: holds a training already. Go on with --resume, or choose another --out."),
        (["--resume"], {"table": "other"}, "holds a training made with another tables; repeat what it was begun with"),
        (["--resume"], {"config": "longer.toml"}, "holds a training made with another epochs; repeat what"),
    ):
        refused = command(*options, **named)
        assert isinstance(refused.exception, TrainingError)
        assert message in str(refused.exception)


def test_a_killed_training_loses_less_than_an_epoch(
    command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing saves at its end: what was saved after an epoch is what there is."""
    monkeypatch.setattr("model_training.palsy.trained_parts.SECONDS_BETWEEN_STATES", 0.0)

    class Killed(BaseException):
        pass

    def killed(step: int) -> Callable[..., Tensor]:
        def at_step(*arguments: Tensor) -> Tensor:
            nonlocal step
            step -= 1
            if step == 0:
                raise Killed
            return loss(*arguments)

        loss = measuring.measure_loss
        return at_step

    with monkeypatch.context() as patch:
        patch.setattr(measuring, "measure_loss", killed(4))
        with pytest.raises(Killed):
            command()
    steps: list[int] = []
    learn = TrainedParts.learn

    def counted(self: TrainedParts, name: str, lesson: object, *, stepped: Callable[[int], object]) -> None:
        learn(self, name, lesson, stepped=lambda count: (steps.append(count), stepped(count)))  # type: ignore[arg-type]

    monkeypatch.setattr(TrainedParts, "learn", counted)
    assert command("--resume").exit_code == 0
    assert steps[0] == 3


def test_examinations_need_a_bundle_for_palsy() -> None:
    arguments = ["judge-sessions", "table", "--out", "j.json", "--models", str(MODELS / "palsy-session")]
    refused = CliRunner().invoke(palsy, arguments)
    assert isinstance(refused.exception, UserError)
    assert "a bundle for 'palsy-session'; grading needs one for 'palsy'" in str(refused.exception)
