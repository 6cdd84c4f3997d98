"""A temperature from labelled clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from face.microexpression.spec import MicroExpressionSpec
from htnet.commands import app
from model_training.errors import TrainingError
from model_training.microexpression.evaluation.recalibrate import recalibrate_clips
from model_training.microexpression.folded.network import FoldedConfig
from model_training.microexpression.folded.reference import SimulatedSet, train_reference
from model_training.microexpression.folded.training import TrainingConfig
from model_training.training.checkpoint import load_checkpoint, save_atomically
from tests.model_training.microexpression.folded.flow_clips import made_up, save_cache


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on clips whose classes show clearly, so that it is far too sure of doubtful ones."""
    clips = made_up(subjects=12)
    config = TrainingConfig(
        model=FoldedConfig(dim=4, block_repeats=(1, 1, 1), dropout=0.0), epochs=12, learning_rate=5e-3
    )
    simulated = SimulatedSet(clips.images, clips.labels, clips.subject_index())
    path = tmp_path_factory.mktemp("run") / "reference.pt"
    save_atomically(train_reference(config, simulated, members=2, seed=0, spec=MicroExpressionSpec()), path)
    return path


def test_wrong_labels_make_the_answers_less_sure(checkpoint: Path, tmp_path: Path) -> None:
    clips = made_up(subjects=8, seed=3)
    wrong = np.random.default_rng(0).random(len(clips)) < 0.4
    clips.labels[wrong] = (clips.labels[wrong] + 1) % 3
    save_cache(clips, tmp_path / "clips.npz")
    out = tmp_path / "calibrated.pt"
    result = CliRunner().invoke(
        app,
        [
            *("microexpression", "calibrate", "--checkpoint", str(checkpoint)),
            *("--data", str(tmp_path / "clips.npz"), "--out", str(out)),
        ],
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    assert "72 clips of 8 people" in result.output
    old, new = load_checkpoint(checkpoint), load_checkpoint(out)
    assert new.calibration["temperature"] > 2 * old.calibration["temperature"]
    assert new.metrics["calibration"]["ece"] < 0.2
    assert all(np.array_equal(new.state_dict[name], value) for name, value in old.state_dict.items())


def test_too_few_clips_and_other_classes_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    loaded = load_checkpoint(checkpoint)
    with pytest.raises(TrainingError, match="9 clips of 1 people"):
        recalibrate_clips(loaded, made_up(subjects=1), tmp_path / "out.pt")
    with pytest.raises(TrainingError, match=r"answers negative, positive, surprise; the clips are of a, b, c, d"):
        recalibrate_clips(loaded, made_up(classes=("a", "b", "c", "d")), tmp_path / "out.pt")
