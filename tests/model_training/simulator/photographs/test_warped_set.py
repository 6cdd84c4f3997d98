"""A palsy put on a public-domain photograph (scikit-image's astronaut, NASA)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import skimage.data

from face.landmarks.found_face import MIRROR_INDEX, Face
from face.landmarks.landmarker import FaceLandmarker
from face.palsy.severity import RegionalSeverity
from model_training.data.sample_table import read_table, write_table
from model_training.errors import TrainingError
from model_training.simulator.patient import HEALTHY_SHARE
from model_training.simulator.photographs.fields import PHOTO_POSES, AskedMovement, warp_photograph
from model_training.simulator.photographs.pins import PIN_POSES, moving_least_squares, pull_photograph
from model_training.simulator.photographs.units import landmark_units, move_photograph
from model_training.simulator.photographs.warped_set import (
    HEALTHY_SHARE_AT_REST,
    drawn_palsies,
    every_grade,
    warp_photograph_set,
)
from tests.model_training.simulator.render.test_renders import corner_drop, opening

Warped = Callable[[np.ndarray, Face, str, str, float], np.ndarray]


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.ascontiguousarray(skimage.data.astronaut()[:340, 60:400])


@pytest.fixture(scope="module")
def face(photo: np.ndarray, landmarker: FaceLandmarker) -> Face:
    (found,) = landmarker.detect(photo)
    return found


def by_fields(photo: np.ndarray, face: Face, pose: str, side: str, severity: float) -> np.ndarray:
    return warp_photograph(photo, face, AskedMovement(pose, side, RegionalSeverity.even(severity)))


def by_units(photo: np.ndarray, face: Face, pose: str, side: str, severity: float) -> np.ndarray:
    return move_photograph(photo, face, AskedMovement(pose, side, RegionalSeverity.even(severity)))


def by_pins(photo: np.ndarray, face: Face, pose: str, side: str, severity: float) -> np.ndarray:
    return pull_photograph(photo, face, AskedMovement(pose, side, RegionalSeverity.even(severity)))


every_mover = pytest.mark.parametrize("warped", [by_fields, by_units, by_pins])


@every_mover
def test_healthy_rest_is_the_photograph(photo: np.ndarray, face: Face, warped: Warped) -> None:
    np.testing.assert_array_equal(warped(photo, face, "rest", "left", 0), photo)


@pytest.mark.parametrize(("warped", "still_rows"), [(by_fields, 60), (by_units, 40), (by_pins, 60)])
def test_background_stays(photo: np.ndarray, face: Face, warped: Warped, still_rows: int) -> None:
    for pose in PIN_POSES if warped is by_pins else PHOTO_POSES:
        changed = warped(photo, face, pose, "left", 5)
        np.testing.assert_array_equal(changed[-still_rows:], photo[-still_rows:])


@every_mover
@pytest.mark.parametrize("side", ["left", "right"])
def test_smile_hangs_with_severity(
    photo: np.ndarray, face: Face, landmarker: FaceLandmarker, side: str, warped: Warped
) -> None:
    drops = []
    for severity in (0, 1, 2, 3, 4, 5):
        (found,) = landmarker.detect(warped(photo, face, "closed_smile", side, severity))
        drops.append(corner_drop(found, side.capitalize()))
    assert np.all(np.diff(drops) > 0), drops
    assert drops[-1] > drops[0] + 0.08


@pytest.mark.parametrize(("warped", "closed"), [(by_fields, 0.6), (by_units, 0.75)])
def test_closure_fails_with_severity_on_the_affected_side_only(
    photo: np.ndarray, face: Face, landmarker: FaceLandmarker, warped: Warped, closed: float
) -> None:
    openings = {"Left": [], "Right": []}
    for severity in (0, 3, 4, 5):
        (found,) = landmarker.detect(warped(photo, face, "gentle_closure", "left", severity))
        for side, values in openings.items():
            values.append(opening(found, side))
    before = opening(face, "Left")
    assert openings["Left"][0] < 0.5 * before
    assert openings["Left"][-1] > 0.8 * before
    assert np.all(np.diff(openings["Left"]) > 0)
    # The landmark model leans towards two eyes that do the same, hence the wide bounds.
    assert max(openings["Right"]) < closed * opening(face, "Right")


def test_closed_lid_does_not_smear(photo: np.ndarray, face: Face) -> None:
    """Where the open eye was there is lid: bright, and with vertical detail, not one row drawn out."""
    closed = by_fields(photo, face, "gentle_closure", "left", 0)
    eye = face.points[[386, 374, 385, 380], :2]
    x0, x1 = int(eye[:, 0].min()), int(np.ceil(eye[:, 0].max()))
    top, bottom = face.points[386, 1], face.points[374, 1]
    upper_part = slice(int(top), int(top + 0.6 * (bottom - top)))
    before = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[upper_part, x0:x1].astype(float)
    after = cv2.cvtColor(closed, cv2.COLOR_RGB2GRAY)[upper_part, x0:x1].astype(float)
    assert after.mean() > before.mean() + 20
    assert np.abs(np.diff(after, axis=0)).mean() > 0.5


@every_mover
def test_brow_lift_lifts_the_healthy_brow(
    photo: np.ndarray, face: Face, landmarker: FaceLandmarker, warped: Warped
) -> None:
    (found,) = landmarker.detect(warped(photo, face, "brow_lift", "right", 5))
    rise = (face.points[[334, 105], 1] - found.points[[334, 105], 1]) / face.interocular_px
    assert rise[0] > 0.05
    assert rise[1] < 0.02


@every_mover
@pytest.mark.parametrize(("pose", "side"), [("snarl", "left"), ("rest", "none")])
def test_unknown_pose_or_side_is_refused(photo: np.ndarray, face: Face, pose: str, side: str, warped: Warped) -> None:
    with pytest.raises(ValueError, match="must be"):
        warped(photo, face, pose, side, 3)


def test_the_landmarks_of_the_head_are_symmetric_and_a_smile_pulls_the_corner_of_its_side() -> None:
    units = landmark_units()
    for name in ("mouthSmile", "eyeBlink", "frontalis"):
        mirrored = units[f"{name}Right"][MIRROR_INDEX[:468]] * [-1, 1, 1]
        np.testing.assert_allclose(units[f"{name}Left"], mirrored, atol=0.03)
    left, right = units["mouthSmileLeft"][[291, 61]]
    assert left[0] > 0.05
    assert left[1] < -0.1
    assert np.abs(right).max() < 0.02


def test_moving_least_squares_keeps_an_affine_map_and_meets_every_pin() -> None:
    rng = np.random.default_rng(0)
    pins, places = rng.normal(size=(12, 2)), rng.normal(size=(50, 2))
    linear, shift = np.array([[1.1, 0.2], [-0.3, 0.8]]), np.array([0.5, -1.0])
    mapped = moving_least_squares(places, pins, pins @ linear + shift)
    np.testing.assert_allclose(mapped, places @ linear + shift, atol=1e-4)
    values = pins + rng.normal(scale=0.1, size=pins.shape)
    np.testing.assert_allclose(moving_least_squares(pins, pins, values), values, atol=1e-4)


def test_pins_are_kept_for_judging(photo: np.ndarray, face: Face, tmp_path: Path) -> None:
    assert {warp.mover for warp in drawn_palsies(100, np.random.default_rng(0), "either")} == {"fields", "units"}
    assert {warp.mover for warp in every_grade("either")} == {"fields", "units"}
    assert {(warp.mover, warp.asked.pose) for warp in every_grade("pins")} == {("pins", pose) for pose in PIN_POSES}
    with pytest.raises(ValueError, match="pins make"):
        by_pins(photo, face, "gentle_closure", "left", 2)
    source = tmp_path / "astronaut.png"
    cv2.imwrite(str(source), photo[..., ::-1])
    with pytest.raises(TrainingError, match="leave out --per-photo"):
        list(drawn_palsies(1, np.random.default_rng(0), "pins"))
    with pytest.raises(TrainingError, match="leave out --per-photo"):
        warp_photograph_set(source, tmp_path / "out", per_photo=3, mover="pins")


def test_photograph_set_has_a_valid_table(photo: np.ndarray, tmp_path: Path) -> None:
    source = tmp_path / "astronaut.png"
    cv2.imwrite(str(source), photo[..., ::-1])
    table = read_table(warp_photograph_set(source, tmp_path / "out"))
    assert len(table) == 11 * len(PHOTO_POSES)
    assert set(table.frame["side"]) == {"left", "right", "none"}
    assert sorted(set(table.frame["label"])) == [1, 2, 3, 4, 5, 6]
    assert all(table.path(path).is_file() for path in table.frame["path"])


def test_drawn_palsies_of_a_folder_repeat_and_skip_what_shows_no_face(photo: np.ndarray, tmp_path: Path) -> None:
    source = tmp_path / "photos"
    source.mkdir()
    cv2.imwrite(str(source / "astronaut.png"), photo[..., ::-1])
    cv2.imwrite(str(source / "grey.png"), np.full((200, 200, 3), 128, np.uint8))
    first = read_table(warp_photograph_set(source, tmp_path / "first", per_photo=3, seed=5))
    again = read_table(warp_photograph_set(source, tmp_path / "again", per_photo=3, seed=5, split="train"))
    assert set(first.frame["split"]) == {""}
    assert set(again.frame["split"]) == {"train"}
    assert list(first.frame["severity"]) == list(again.frame["severity"])
    assert len(set(first.frame["severity"])) > 1
    name = first.frame["path"][0]
    assert first.path(name).read_bytes() == again.path(name).read_bytes()
    assert "grey.png" in (tmp_path / "first" / "dropped.csv").read_text()


def test_either_mover_is_drawn_about_as_often_and_an_unknown_one_refused() -> None:
    movers = [warp.mover for warp in drawn_palsies(400, np.random.default_rng(0), "either")]
    assert movers.count("units") == pytest.approx(200, abs=40)
    assert {warp.mover for warp in drawn_palsies(20, np.random.default_rng(0))} == {"fields"}
    with pytest.raises(TrainingError, match="fields, units, either, pins"):
        list(drawn_palsies(1, np.random.default_rng(0), "hands"))


def test_an_unknown_mover_is_refused_before_anything_is_written(photo: np.ndarray, tmp_path: Path) -> None:
    source = tmp_path / "astronaut.png"
    cv2.imwrite(str(source), photo[..., ::-1])
    with pytest.raises(TrainingError, match="fields, units, either, pins"):
        warp_photograph_set(source, tmp_path / "out", mover="hands")
    assert not (tmp_path / "out").exists()


def test_photographs_moved_by_units_repeat_and_say_so(photo: np.ndarray, tmp_path: Path) -> None:
    source = tmp_path / "astronaut.png"
    cv2.imwrite(str(source), photo[..., ::-1])
    first, again = (
        read_table(warp_photograph_set(source, tmp_path / name, per_photo=4, seed=2, mover="units"))
        for name in ("first", "again")
    )
    assert set(first.frame["mover"]) == {"units"}
    for path in first.frame["path"]:
        assert first.path(path).read_bytes() == again.path(path).read_bytes()
    with pytest.raises(TrainingError, match="was begun with"):
        warp_photograph_set(source, tmp_path / "first", per_photo=4, seed=3, mover="units")


def test_most_faces_drawn_at_rest_are_healthy_and_few_of_those_that_move() -> None:
    warps = list(drawn_palsies(3000, np.random.default_rng(0)))
    healthy = {
        pose: [warp.asked.severity.mouth == 0 for warp in warps if warp.asked.pose == pose] for pose in PHOTO_POSES
    }
    assert np.mean(healthy["rest"]) == pytest.approx(HEALTHY_SHARE_AT_REST, abs=0.08)
    for pose in ("brow_lift", "gentle_closure", "closed_smile"):
        assert np.mean(healthy[pose]) == pytest.approx(HEALTHY_SHARE, abs=0.05)


def test_the_healthy_rows_of_a_table_are_warped_and_keep_their_people(photo: np.ndarray, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "face.png"), photo[..., ::-1])
    columns = {"path": "face.png", "split": "train", "side": "none", "dataset": "mine", "skin_tone": "3"}
    rows = [
        {"sample_id": "a", "person_id": "ann", "label": 1, "pose": "rest", **columns},
        {"sample_id": "b", "person_id": "ann", "label": 4, "pose": "rest", **columns, "side": "left"},
        {"sample_id": "c", "person_id": "ben", "label": 1, "pose": "tight_closure", **columns},
    ]
    write_table(pd.DataFrame(rows), tmp_path / "samples.parquet")
    warped = warp_photograph_set(tmp_path / "samples.parquet", tmp_path / "out", per_photo=2, split="test")
    frame = read_table(warped).frame
    assert list(frame["person_id"]) == ["ann", "ann"]
    assert set(frame["split"]) == {"train"}
    assert set(frame["skin_tone"]) == {"3"}


def test_file_without_a_face_is_an_error_that_says_so(tmp_path: Path) -> None:
    source = tmp_path / "grey.png"
    cv2.imwrite(str(source), np.full((200, 200, 3), 128, np.uint8))
    with pytest.raises(TrainingError, match=r"grey\.png"):
        warp_photograph_set(source, tmp_path / "out")
    with pytest.raises(TrainingError, match="no such"):
        warp_photograph_set(tmp_path / "missing.jpg", tmp_path / "out")
