"""A checkpoint on two files."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data
from typer.testing import CliRunner

from face.landmarks.landmarker import FaceLandmarker
from face.microexpression.spec import MicroExpressionSpec
from htnet.commands import app
from model_training.configuration import build
from model_training.microexpression.folded.reference import SimulatedSet, train_reference
from model_training.microexpression.folded.training import TrainingConfig
from model_training.training.checkpoint import save_atomically
from tests.face.microexpression.test_input import SMILE, warped

TINY = {"epochs": 1, "batch_size": 8, "input": "standardised", "model": {"dim": 4, "block_repeats": [1, 1, 1]}}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pair")
    rgb = data.astronaut()
    with FaceLandmarker() as landmarker:
        apex = warped(rgb, landmarker.detect(rgb)[0], SMILE, 4)
    for name, picture in (("onset", rgb), ("apex", apex)):
        cv2.imwrite(str(folder / f"{name}.png"), picture[..., ::-1])
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(10), 3)
    images = rng.integers(0, 256, (30, 28, 28, 3), dtype=np.uint8)
    made = train_reference(
        build(TrainingConfig, TINY, source="test"),
        SimulatedSet(images, np.arange(30) % 3, people),
        members=2,
        seed=0,
        spec=MicroExpressionSpec(),
    )
    save_atomically(made, folder / "reference.pt")
    return folder


def predict(*arguments: object):
    return CliRunner().invoke(app, ["microexpression", "predict", *map(str, arguments)])


def test_a_pair_is_answered_as_the_service_would(files: Path) -> None:
    result = predict(files / "onset.png", files / "apex.png", "--checkpoint", files / "reference.pt")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["movement_kind"] == "expression"
    assert answer["emotion"]["label"] == max(answer["probabilities"], key=answer["probabilities"].get)
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert answer["motion"]["reliability"] > 0.9
    assert min(answer["motion"]["regions"]["left_lip"], answer["motion"]["regions"]["right_lip"]) > 1


def test_what_cannot_be_judged_is_said_with_the_file(files: Path) -> None:
    same = predict(files / "onset.png", files / "onset.png", "--checkpoint", files / "reference.pt")
    assert same.exit_code != 0
    assert "no facial motion" in str(same.exception)
    missing = predict(files / "onset.png", files / "none.png", "--checkpoint", files / "reference.pt")
    assert missing.exit_code != 0
    assert "none.png" in str(missing.exception)


def test_the_sheet_shows_both_frames_and_the_answer(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "pair.png"
    result = CliRunner().invoke(
        app,
        [
            *("microexpression", "visualize", str(files / "onset.png"), str(files / "apex.png")),
            *("--checkpoint", str(files / "reference.pt"), "--out", str(out)),
        ],
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    assert "movement: expression, reliability" in result.output
    sheet = cv2.imread(str(out))
    assert sheet.shape[1] > sheet.shape[0] > 400
    assert sheet.std() > 10
