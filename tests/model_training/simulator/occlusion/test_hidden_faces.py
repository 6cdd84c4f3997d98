"""What is drawn before a face hides what it says, on a public-domain photograph (scikit-image's astronaut, NASA)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from face.frame.alignment import align_face
from face.landmarks.found_face import Face
from face.landmarks.landmarker import FaceLandmarker
from face.vocabulary import VISIBLE_REGIONS
from model_training.data.sample_table import read_table
from model_training.errors import TrainingError
from model_training.simulator.occlusion import anything, objects
from model_training.simulator.occlusion.cover import Ruler, Scene
from model_training.simulator.occlusion.occluded_set import occlude_photographs, true_shares
from tests import factories

OTHER_HALF = {"right": "left", "left": "right"}


@pytest.fixture(scope="module")
def portrait() -> tuple[Scene, Face]:
    rgb = np.ascontiguousarray(factories.astronaut()[:300, 60:400])
    with FaceLandmarker() as landmarker:
        face = landmarker.look(rgb, policy="single", both_ways=True).face
    return Scene(rgb, np.ones(rgb.shape[:2], np.float32)), face


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", list(objects.OBJECTS))
def test_an_object_hides_the_regions_that_it_is_said_to_hide(
    portrait: tuple[Scene, Face], name: str, side: str
) -> None:
    scene, face = portrait
    for seed in range(2):
        hidden = objects.cover(scene, face, name, side, np.random.default_rng(seed))
        shares = dict(true_shares(hidden.seen, align_face(scene.rgb, face)))
        assert any(shares[region] < 0.6 for region in objects.OBJECTS[name][side])
        if name in ("patch", "hand", "hair", "tube"):
            assert all(shares[region] > 0.75 for region in objects.OBJECTS[name][OTHER_HALF[side]])


def test_what_is_said_to_be_seen_is_as_it_was(portrait: tuple[Scene, Face]) -> None:
    scene, face = portrait
    for name in objects.OBJECTS:
        hidden = objects.cover(scene, face, name, "left", np.random.default_rng(0))
        seen = hidden.seen == 1
        np.testing.assert_array_equal(hidden.rgb[seen], scene.rgb[seen])
        assert 0.01 < (hidden.seen < 0.5).mean() < 0.5


def test_shapes_without_a_name_are_drawn_alike_from_the_same_seed_and_leave_clean_pictures_seen(
    portrait: tuple[Scene, Face],
) -> None:
    scene, face = portrait
    around = anything.Surroundings(
        face.points[:, :2].astype(float), Ruler.of(face), objects.skin_of(scene.rgb, face), scene.rgb
    )
    names = set()
    for seed in range(40):
        first, name = anything.hide(scene, around, np.random.default_rng(seed))
        again, _ = anything.hide(scene, around, np.random.default_rng(seed))
        np.testing.assert_array_equal(first.rgb, again.rgb)
        assert 0 <= first.seen.min() <= first.seen.max() <= 1
        names |= set(name.split("+"))
        if name == "clean":
            assert (first.seen > 0.99).mean() > 0.97, "no more than a few thin lines"
    assert names == {"clean", "sheet", "bars", "strands", "blur", "shadow", "glare"}


def test_a_side_that_is_none_is_refused(portrait: tuple[Scene, Face]) -> None:
    scene, face = portrait
    with pytest.raises(ValueError, match="'none'"):
        objects.cover(scene, face, "patch", "none", np.random.default_rng(0))


def test_a_set_has_its_truth_can_go_on_and_keeps_its_settings(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "eileen.png"), factories.astronaut()[:300, 60:400, ::-1])
    cv2.imwrite(str(photos / "nobody.png"), np.full((200, 200, 3), 128, np.uint8))
    table = occlude_photographs(photos, tmp_path / "out", hider="objects", per_photo=1, seed=3, split="test")
    frame = read_table(table).frame
    assert set(frame["hidden"]) == {"clean", *objects.OBJECTS}
    clean = frame[frame["hidden"] == "clean"].iloc[0]
    assert [clean[f"seen_{region}"] for region in VISIBLE_REGIONS] == pytest.approx([1.0] * 6, abs=0.02)
    seen = cv2.imread(str(tmp_path / "out" / frame["seen_map"].iloc[1]), cv2.IMREAD_UNCHANGED)
    picture = cv2.imread(str(tmp_path / "out" / frame["path"].iloc[1]))
    assert seen.shape == (picture.shape[0] // 4, picture.shape[1] // 4)
    assert list(pd.read_csv(tmp_path / "out" / "dropped.csv")["path"]) == [str(photos / "nobody.png")]
    stamps = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "images").iterdir()}
    occlude_photographs(photos, tmp_path / "out", hider="objects", per_photo=1, seed=3, split="test")
    assert stamps == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "images").iterdir()}
    with pytest.raises(TrainingError, match="was begun with"):
        occlude_photographs(photos, tmp_path / "out", hider="objects", per_photo=1, seed=4, split="test")
    with pytest.raises(TrainingError, match="no folder of photographs"):
        occlude_photographs(tmp_path / "nowhere", tmp_path / "x", hider="anything", per_photo=1)
