from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from face.errors import MultipleFaces, NoFace
from face.landmarks.landmarker import FaceLandmarker
from face.landmarks.networks import FloatArray, LiteRtNetworks
from tests import factories


def test_the_mirrored_photograph_gives_the_mirrored_landmarks(
    astronaut_rgb: np.ndarray, face_landmarker: FaceLandmarker
) -> None:
    both = face_landmarker.look(astronaut_rgb, policy="single", both_ways=True)
    mirrored_rgb = np.ascontiguousarray(astronaut_rgb[:, ::-1])
    mirrored = face_landmarker.look(mirrored_rgb, policy="single", both_ways=True)
    np.testing.assert_allclose(mirrored.face.points, both.face.mirrored().points, atol=0.01)
    np.testing.assert_allclose(mirrored.face.pose, both.face.mirrored().pose, atol=0.01)
    assert both.disagreement == pytest.approx(mirrored.disagreement, rel=1e-2)
    # One look alone is not mirrored by far: that is what the second is for.
    assert 0.005 < both.disagreement < 0.1


def test_one_look_is_that_of_detect(astronaut_rgb: np.ndarray, face_landmarker: FaceLandmarker) -> None:
    (face,) = face_landmarker.detect(astronaut_rgb)
    look = face_landmarker.look(astronaut_rgb, policy="single", both_ways=False)
    np.testing.assert_array_equal(look.face.points, face.points)
    assert look.disagreement is None


@pytest.mark.parametrize("both_ways", [True, False])
@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("picture", [factories.astronaut, lambda: factories.small_face(60)], ids=["large", "small"])
def test_a_picture_on_its_side_is_turned(
    picture: Callable[[], np.ndarray], turns: int, both_ways: bool, face_landmarker: FaceLandmarker
) -> None:
    rgb = picture()
    upright = face_landmarker.look(rgb, policy="single", both_ways=both_ways)
    turned = face_landmarker.look(np.ascontiguousarray(np.rot90(rgb, turns)), policy="single", both_ways=both_ways)
    assert upright.quarter_turns == 0
    assert turned.quarter_turns == 4 - turns
    apart = np.linalg.norm((turned.face.points - upright.face.points)[:, :2], axis=1).mean()
    assert apart < 0.08 * upright.face.interocular_px


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_face_that_fills_a_turned_picture_has_the_landmarks_of_the_upright_one(
    turns: int, face_landmarker: FaceLandmarker
) -> None:
    """To the last bit: a grade may hang on less than a pixel."""
    rgb = factories.astronaut()[:301, 60:403]  # odd sides: nothing halves evenly
    upright = face_landmarker.look(np.ascontiguousarray(rgb), policy="single", both_ways=True)
    turned = face_landmarker.look(np.ascontiguousarray(np.rot90(rgb, turns)), policy="single", both_ways=True)
    assert turned.quarter_turns == 4 - turns
    np.testing.assert_array_equal(turned.face.points, upright.face.points)


def test_the_largest_face_is_looked_at_both_ways(face_landmarker: FaceLandmarker) -> None:
    rgb = factories.near_and_far_face()
    with pytest.raises(MultipleFaces, match="2 faces"):
        face_landmarker.look(rgb, policy="single", both_ways=True)
    look = face_landmarker.look(rgb, policy="largest", both_ways=True)
    (largest, _) = face_landmarker.detect(rgb)
    assert look.disagreement is not None
    assert np.abs(look.face.points - largest.points)[:, :2].mean() < 0.05 * largest.interocular_px


def test_no_face(face_landmarker: FaceLandmarker) -> None:
    with pytest.raises(NoFace):
        face_landmarker.look(factories.no_face(), policy="largest", both_ways=True)


def test_a_face_that_the_mirrored_look_does_not_see(astronaut_rgb: np.ndarray) -> None:
    class OneEyed(LiteRtNetworks):
        """Sees no face in every second crop."""

        crops = 0

        def landmarks(self, crops: FloatArray) -> tuple[FloatArray, FloatArray]:
            points, logits = super().landmarks(crops)
            self.crops += 1
            return points, logits if self.crops % 2 else -np.abs(logits)

    with FaceLandmarker(networks=OneEyed()) as landmarker, FaceLandmarker() as plain:
        look = landmarker.look(astronaut_rgb, policy="single", both_ways=True)
        both = plain.look(astronaut_rgb, policy="single", both_ways=True)
    assert look.disagreement is None
    assert look.quarter_turns == 0
    assert np.abs(look.face.points - both.face.points)[:, :2].mean() < 0.05 * both.face.interocular_px
