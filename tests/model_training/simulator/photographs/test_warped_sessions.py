"""One palsy in every pose on a public-domain photograph (scikit-image's astronaut, NASA)."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import skimage.data

from face.palsy.severity import RegionalSeverity, house_brackmann_grade
from face.vocabulary import REGIONS
from model_training.data.sample_table import read_table
from model_training.errors import Interrupted, TrainingError
from model_training.simulator.photographs.fields import PHOTO_POSES
from model_training.simulator.photographs.warped_sessions import warp_session_set


@pytest.fixture
def source(tmp_path: Path) -> Path:
    photo = np.ascontiguousarray(skimage.data.astronaut()[:340, 60:400])
    cv2.imwrite(str(tmp_path / "astronaut.png"), photo[..., ::-1])
    return tmp_path / "astronaut.png"


@pytest.mark.parametrize("mover", ["fields", "units"])
def test_each_palsy_is_an_examination_of_its_own(source: Path, tmp_path: Path, mover: str) -> None:
    table = read_table(warp_session_set(source, tmp_path / "out", regions="differ", palsies=2, mover=mover, seed=3))
    frame = table.frame
    assert len(frame) == 2 * len(PHOTO_POSES)
    drawn = []
    for _, session in frame.groupby("session_id"):
        assert sorted(session["pose"]) == sorted(PHOTO_POSES)
        for column in ("label", "side", "pattern", "visit_of", *(f"severity_{region}" for region in REGIONS)):
            assert session[column].nunique() == 1
        severity = RegionalSeverity(**{region: float(session[f"severity_{region}"].iloc[0]) for region in REGIONS})
        assert session["label"].iloc[0] == house_brackmann_grade(severity)
        pictures = [table.path(path).read_bytes() for path in session["path"]]
        assert len(set(pictures)) == len(pictures)
        drawn.append(severity)
    assert drawn[0] != drawn[1]


def test_healthy_faces_move_on_both_sides(source: Path, tmp_path: Path) -> None:
    frame = read_table(warp_session_set(source, tmp_path / "out", regions="healthy")).frame
    assert set(frame["label"]) == {1}
    assert set(frame["side"]) == {"none"}
    assert set(frame["pattern"]) == {"healthy"}


def test_pins_make_no_examination(source: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="--mover must be one of fields, units, got 'pins'"):
        warp_session_set(source, tmp_path / "out", regions="differ", mover="pins")


def test_stopped_between_photographs_it_goes_on_with_the_others(source: Path, tmp_path: Path) -> None:
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for name in ("a", "b"):
        shutil.copy(source, photographs / f"{name}.png")
    cv2.imwrite(str(photographs / "empty.png"), np.full((200, 200, 3), 128, np.uint8))

    def stop(done: int, _all: int) -> None:
        if done == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match=r"finished photographs is kept in .*; the same command goes on from there"):
        warp_session_set(photographs, tmp_path / "out", regions="differ", on_progress=stop)
    assert [path.stem for path in (tmp_path / "out/parts").iterdir()] == ["a"]
    told: list[tuple[int, int]] = []
    gone_on = warp_session_set(
        photographs, tmp_path / "out", regions="differ", on_progress=lambda *done: told.append(done)
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
    at_once = warp_session_set(photographs, tmp_path / "whole", regions="differ")
    pd.testing.assert_frame_equal(read_table(gone_on).frame, read_table(at_once).frame)
