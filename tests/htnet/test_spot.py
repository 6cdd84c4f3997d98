"""`htnet microexpression spot`: a folder of pictures and a clip, as the service would answer."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from face.landmarks.landmarker import FaceLandmarker
from htnet.commands import app
from service.report.spotted_clip import frames_of
from tests.clip_factory import h264_clip
from tests.face.microexpression.test_input import BROW_RAISE, warped

MODELS = Path(__file__).parents[2] / "models"
PROFILE = [0.0] * 8 + [1.5, 3.0, 3.4, 1.5] + [0.0] * 6


@pytest.fixture(scope="module")
def pictures(astronaut_rgb: np.ndarray, face_landmarker: FaceLandmarker) -> list[np.ndarray]:
    rgb = cv2.resize(astronaut_rgb[20:240, 114:334], (320, 320), interpolation=cv2.INTER_CUBIC)
    (face,) = face_landmarker.detect(rgb)
    rng = np.random.default_rng(2)
    moved = [warped(rgb, face, BROW_RAISE, percent) if percent else rgb for percent in PROFILE]
    return [np.clip(one + rng.normal(0, 1, one.shape) + 0.5, 0, 255).astype(np.uint8) for one in moved]


def spot(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["microexpression", "spot", *arguments, "--models", str(MODELS)])
    return done.exit_code, done.output + (str(done.exception) if done.exception else "")


def test_a_folder_of_pictures_gives_table_answer_and_curve(tmp_path: Path, pictures: list[np.ndarray]) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for number, rgb in enumerate(pictures, 1):  # img2 comes before img10
        cv2.imwrite(str(frames / f"img{number}.png"), rgb[..., ::-1])
    status, said = spot(str(frames), "--fps", "25", "--out", str(tmp_path / "out"))
    assert status == 0, said
    assert "surprise" in said
    answer = json.loads((tmp_path / "out" / "clip.json").read_text())
    (event,) = answer["events"]
    assert abs(event["apex"]["frame"] - 10) <= 1
    assert set(answer["rest"]) == {"from", "to"}
    drawn = cv2.imread(str(tmp_path / "out" / "curve.png"))
    assert drawn is not None
    assert drawn.shape[1] > drawn.shape[0]


def test_a_still_clip_says_that_nothing_moved(tmp_path: Path, pictures: list[np.ndarray]) -> None:
    (tmp_path / "still.mp4").write_bytes(h264_clip(pictures[:8], durations=[24] * 8))
    status, said = spot(str(tmp_path / "still.mp4"))
    assert status == 0, said
    assert "nothing moved in 8 frames" in said


def test_what_does_not_fit_is_refused_by_name(tmp_path: Path, pictures: list[np.ndarray]) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(h264_clip(pictures[:4], durations=[24] * 4))
    assert "says itself" in spot(str(clip), "--fps", "25")[1]
    assert "--fps" in spot(str(tmp_path))[1]
    assert "0 pictures; a clip has 3 to 400" in spot(str(tmp_path), "--fps", "25")[1]
    assert "no such file" in spot(str(tmp_path / "nowhere.mp4"))[1]


def test_frames_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = ["a1.png", "a2.png", "a10.png", "b.png"]
    for name in reversed(names):
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in frames_of(tmp_path)] == names
