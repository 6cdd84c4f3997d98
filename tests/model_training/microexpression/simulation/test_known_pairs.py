"""Pairs whose truth is known, and what is answered to them."""

import cv2
import numpy as np
import pytest
from skimage import data

from face.landmarks.landmarker import FaceLandmarker
from face.microexpression.spec import MicroExpressionSpec
from model_training.errors import TrainingError
from model_training.microexpression.evaluation.false_alarms import false_alarms
from model_training.microexpression.simulation.photographed_pairs import MOVES, NOTHING, move_field, moved_pair
from model_training.microexpression.simulation.rendered_kinds import KINDS, draw_kind


@pytest.fixture(scope="module")
def person():
    rgb = data.astronaut()
    with FaceLandmarker() as landmarker:
        return rgb, landmarker.detect(rgb)[0]


@pytest.mark.parametrize("move", MOVES)
def test_a_movement_has_the_size_that_was_asked_for(person, move):
    rgb, face = person
    field = move_field(face, rgb.shape[:2], MOVES[move], percent=2)
    assert np.linalg.norm(field, axis=-1).max() == pytest.approx(0.02 * face.interocular_px, rel=1e-4)


def test_the_same_seed_gives_the_same_frames(person):
    for kind, make in NOTHING.items():
        first, second = (make(*person, np.random.default_rng(4)) for _ in range(2))
        assert all(np.array_equal(*frames) for frames in zip(first, second, strict=True)), kind
    first, second = (moved_pair(*person, "smirk", 1.0, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(first[1], second[1])
    assert not np.array_equal(first[0], first[1])


def test_every_kind_can_be_drawn_and_a_strange_one_is_named():
    for kind in KINDS:
        weights = draw_kind(kind, np.random.default_rng(0))
        assert (not weights) == (kind in ("rest", "head"))
    with pytest.raises(ValueError, match="yawn"):
        draw_kind("yawn", np.random.default_rng(0))


def test_the_table_counts_what_is_answered(person, tmp_path):
    for name in ("one", "two"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), person[0][..., ::-1])
    report = false_alarms(tmp_path, rendered_people=1, seed=2)
    assert report["photographs"] == 2
    assert report["spec"] == MicroExpressionSpec().fingerprint()
    assert {row["pairs"] for row in report["nothing_moves"].values()} == {2}
    assert report["nothing_moves"]["compression"]["emotion_named"] == 0
    assert report["moved_by_percent"]["3"]["emotion_named"] >= 0.75
    assert "no-motion" not in report["moved_by_percent"]["3"]["outcomes"]
    # Both portraits are the same picture: nothing moves between "two people".
    assert report["other_people"]["another_person"]["outcomes"] == {"no-motion": 1}
    assert set(report["rendered"]) == set(KINDS)
    assert report["rendered"]["rest"]["outcomes"] == {"no-motion": 1}


def test_a_folder_without_a_face_is_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((200, 200, 3), 90, np.uint8))
    with pytest.raises(TrainingError, match="exactly one face"):
        false_alarms(tmp_path, rendered_people=0, seed=0)
