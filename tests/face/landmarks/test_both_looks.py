from __future__ import annotations

import numpy as np
import pytest

from face.landmarks.both_looks import look_both_ways
from face.landmarks.detector import Face, FaceLandmarker
from tests import factories


def test_the_mirrored_photograph_gives_the_mirrored_landmarks(
    astronaut_rgb: np.ndarray, astronaut_face: Face, face_landmarker: FaceLandmarker
) -> None:
    mirrored_rgb = np.ascontiguousarray(astronaut_rgb[:, ::-1])
    (mirrored_face,) = face_landmarker.detect(mirrored_rgb)
    both = look_both_ways(astronaut_rgb, astronaut_face, face_landmarker)
    mirrored_both = look_both_ways(mirrored_rgb, mirrored_face, face_landmarker)
    np.testing.assert_allclose(mirrored_both.face.points, both.face.mirrored().points, atol=1e-3)
    assert both.disagreement == pytest.approx(mirrored_both.disagreement, rel=1e-3)
    # One look alone is not mirrored by far: that is what the second is for.
    assert 0.005 < both.disagreement < 0.1


def test_the_chosen_face_is_looked_at_again_and_not_its_neighbour(face_landmarker: FaceLandmarker) -> None:
    rgb = factories.two_faces()
    for face in face_landmarker.detect(rgb):
        both = look_both_ways(rgb, face, face_landmarker)
        assert both.disagreement is not None
        assert np.abs(both.face.points - face.points)[:, :2].mean() < 0.05 * face.interocular_px
        assert (both.face.image_width, both.face.image_height) == (face.image_width, face.image_height)


def test_a_face_that_the_mirrored_look_does_not_find(astronaut_face: Face, face_landmarker: FaceLandmarker) -> None:
    blank = np.full((astronaut_face.image_height, astronaut_face.image_width, 3), 127, np.uint8)
    both = look_both_ways(blank, astronaut_face, face_landmarker)
    assert both.disagreement is None
    assert both.face is astronaut_face
