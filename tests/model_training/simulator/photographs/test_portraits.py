"""Which pictures of a folder are portraits, on a public-domain photograph (scikit-image's astronaut, NASA)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import skimage.data

from model_training.errors import TrainingError
from model_training.simulator.photographs.portraits import MAX_SIDE_PX, select_portraits


def save(path: Path, rgb: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb[..., ::-1])


def test_one_sharp_picture_of_each_person_is_kept(tmp_path: Path) -> None:
    photo = np.ascontiguousarray(skimage.data.astronaut()[:340, 60:400])
    people = tmp_path / "people"
    save(people / "2020" / "eileen.png", cv2.resize(photo, (1000, 1000)))
    save(people / "2021" / "again.jpg", photo)
    save(people / "nobody.png", np.full((200, 200, 3), 128, np.uint8))
    save(people / "far.png", cv2.resize(photo, (150, 150)))
    save(people / "two.png", np.hstack([photo, photo]))
    save(people / "unsharp.png", cv2.GaussianBlur(cv2.flip(photo, 1), (0, 0), 3))
    (people / "notes.txt").write_text("not a picture")
    (people / "broken.jpg").write_bytes(b"\xff\xd8\xff")

    table = select_portraits(people, tmp_path / "portraits")

    assert sorted(path.name for path in (tmp_path / "portraits").iterdir()) == ["2020__eileen.jpg"]
    written = cv2.imread(str(tmp_path / "portraits" / "2020__eileen.jpg"))
    assert written.shape[:2] == (MAX_SIDE_PX, MAX_SIDE_PX)
    why = dict(zip(table["path"], table["why"], strict=True))
    assert set(why) == {
        "2020/eileen.png", "2021/again.jpg", "broken.jpg", "far.png", "nobody.png", "two.png", "unsharp.png"
    }  # fmt: skip
    assert why["2020/eileen.png"] == ""
    assert "like an earlier one" in why["2021/again.jpg"]
    assert "cannot be decoded" in why["broken.jpg"]
    assert "pixels wide" in why["far.png"]
    assert "No face" in why["nobody.png"]
    assert "2 faces" in why["two.png"]
    assert "sharpness" in why["unsharp.png"]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "portraits.csv", keep_default_na=False), table)


def test_two_pictures_of_one_name_are_not_written_over_each_other(tmp_path: Path) -> None:
    photo = np.ascontiguousarray(skimage.data.astronaut()[:340, 60:400])
    save(tmp_path / "people" / "a.jpg", photo)
    save(tmp_path / "people" / "a.png", np.ascontiguousarray(photo[:, ::-1]))  # as different as two people

    table = select_portraits(tmp_path / "people", tmp_path / "v1.2")

    assert list(table["kept"]) == [True, False]
    assert "another picture became a.jpg" in table["why"][1]
    assert (tmp_path / "v1.2.csv").exists()


def test_a_folder_without_portraits_says_where_to_look(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match="no pictures"):
        select_portraits(tmp_path / "empty", tmp_path / "out")
    save(tmp_path / "grey" / "nobody.png", np.full((200, 200, 3), 128, np.uint8))
    with pytest.raises(TrainingError, match=r"none of 1 pictures can be used; .*out\.csv says why"):
        select_portraits(tmp_path / "grey", tmp_path / "out")
