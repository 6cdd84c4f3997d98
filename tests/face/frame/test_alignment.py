from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from face.frame.alignment import CANONICAL_EYE_CENTRES, CANONICAL_SIZE, align_face
from face.landmarks.found_face import Face
from face.landmarks.landmarker import FaceLandmarker


def test_eyes_come_to_their_places(astronaut_rgb: np.ndarray, astronaut_face: Face) -> None:
    aligned = align_face(astronaut_rgb, astronaut_face)
    assert aligned.image.shape == (CANONICAL_SIZE[1], CANONICAL_SIZE[0], 3)
    assert aligned.image.dtype == np.uint8
    np.testing.assert_allclose(aligned.to_canonical.apply(astronaut_face.eye_centres), CANONICAL_EYE_CENTRES, atol=1e-6)
    np.testing.assert_allclose(aligned.points[[33, 133], :2].mean(axis=0), CANONICAL_EYE_CENTRES[0], atol=1e-3)
    assert aligned.points[1, 2] == pytest.approx(astronaut_face.points[1, 2] * aligned.to_canonical.scale)


def test_the_way_back(astronaut_rgb: np.ndarray, astronaut_face: Face) -> None:
    aligned = align_face(astronaut_rgb, astronaut_face)
    back = aligned.to_canonical.inverse().apply(aligned.points[:, :2])
    np.testing.assert_allclose(back, astronaut_face.points[:, :2], atol=1e-3)


def test_landmarks_of_the_aligned_face_are_found_where_they_are_said_to_be(
    astronaut_rgb: np.ndarray, astronaut_face: Face, face_landmarker: FaceLandmarker
) -> None:
    aligned = align_face(astronaut_rgb, astronaut_face)
    (found,) = face_landmarker.detect(aligned.image)
    assert np.abs(found.points[:, :2] - aligned.points[:, :2]).mean() < 2.5  # of 96 between the eyes


def test_mirrored_photograph_gives_the_mirrored_face(astronaut_rgb: np.ndarray, astronaut_face: Face) -> None:
    one = align_face(astronaut_rgb, astronaut_face)
    other = align_face(np.ascontiguousarray(astronaut_rgb[:, ::-1]), astronaut_face.mirrored())
    difference = np.abs(one.image[:, ::-1].astype(int) - other.image)
    assert difference.max() <= 2
    assert (difference > 0).mean() < 0.01
    mirrored = dataclasses.replace(astronaut_face, points=one.points, image_width=CANONICAL_SIZE[0]).mirrored()
    np.testing.assert_allclose(mirrored.points, other.points, atol=1e-2)


@pytest.mark.parametrize("scale", [0.6, 2.0, 5.0])
def test_the_size_of_the_photograph_does_not_matter(
    astronaut_rgb: np.ndarray, astronaut_face: Face, scale: float
) -> None:
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(astronaut_rgb, None, fx=scale, fy=scale, interpolation=interpolation)
    ratio = np.array([resized.shape[1] / 512, resized.shape[0] / 512, resized.shape[1] / 512], np.float32)
    face = dataclasses.replace(
        astronaut_face,
        points=astronaut_face.points * ratio,
        image_width=resized.shape[1],
        image_height=resized.shape[0],
    )
    one, other = align_face(astronaut_rgb, astronaut_face).image, align_face(resized, face).image
    assert np.abs(one.astype(int) - other).mean() < 4


def test_another_picture_is_refused(astronaut_rgb: np.ndarray, astronaut_face: Face) -> None:
    with pytest.raises(ValueError, match="512x512 picture, this one is 400x300"):
        align_face(astronaut_rgb[:300, :400], astronaut_face)
