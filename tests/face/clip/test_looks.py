"""One face followed through a clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from face.clip.frame import Frame
from face.clip.looks import follow_face
from face.errors import MultipleFaces
from face.landmarks.face_regions import FaceRegion
from face.landmarks.found_face import Face
from face.landmarks.landmarker import FaceLandmarker
from face.landmarks.look import Look
from face.vocabulary import FacePolicy

Rgb = npt.NDArray[np.uint8]


def frames_of(pictures: Sequence[Rgb], *, per_s: float = 10.0) -> list[Frame]:
    return [Frame(index, index / per_s, rgb) for index, rgb in enumerate(pictures)]


def shifted(rgb: Rgb, x: int, y: int) -> Rgb:
    return np.roll(rgb, (y, x), axis=(0, 1))


def follow(landmarker: FaceLandmarker, pictures: Sequence[Rgb], *, policy: FacePolicy = "single") -> list[Face | None]:
    return [seen.face for seen in follow_face(frames_of(pictures), landmarker, policy=policy)]


class CountingLandmarker(FaceLandmarker):
    """Counts how often the detector is asked."""

    searches = 0

    def look(self, rgb: Rgb, *, policy: FacePolicy, both_ways: bool) -> Look:
        self.searches += 1
        return super().look(rgb, policy=policy, both_ways=both_ways)


def test_a_moving_face_is_followed_without_the_detector(astronaut_rgb: Rgb) -> None:
    way = [(4 * step, 2 * step) for step in range(9)]
    with CountingLandmarker() as landmarker:
        faces = follow(landmarker, [shifted(astronaut_rgb, x, y) for x, y in way])
        assert landmarker.searches == 1
    first = faces[1]
    assert first is not None
    for face, (x, y) in zip(faces[1:], way[1:], strict=True):
        assert face is not None
        moved = face.points[:, :2] - first.points[:, :2] - np.array([x - way[1][0], y - way[1][1]])
        assert np.sqrt((moved**2).sum(axis=1).mean()) < 0.01 * first.interocular_px


def test_followed_and_found_landmarks_agree(face_landmarker: FaceLandmarker, astronaut_rgb: Rgb) -> None:
    found, followed = follow(face_landmarker, [astronaut_rgb] * 2)
    assert found is not None
    assert followed is not None
    apart = (found.points - followed.points)[:, :2]
    assert np.sqrt((apart**2).sum(axis=1).mean()) < 0.03 * found.interocular_px


def test_a_face_that_leaves_is_missing_and_found_again(astronaut_rgb: Rgb) -> None:
    grey = np.full_like(astronaut_rgb, 127)
    pictures = [astronaut_rgb] * 3 + [grey] * 7 + [shifted(astronaut_rgb, -60, 40)] * 5
    with CountingLandmarker() as landmarker:
        faces = follow(landmarker, pictures)
        assert landmarker.searches <= 6  # once at first, then every other of the pictures without a face
    assert all(face is not None for face in faces[:3])
    assert faces[3:10] == [None] * 7
    assert faces[-1] is not None


def test_no_face_at_all_is_a_row_of_none(face_landmarker: FaceLandmarker) -> None:
    assert follow(face_landmarker, [np.full((120, 160, 3), 90, np.uint8)] * 4) == [None] * 4


def test_a_clip_on_its_side_is_followed_upright(face_landmarker: FaceLandmarker, astronaut_rgb: Rgb) -> None:
    lying = np.ascontiguousarray(np.rot90(astronaut_rgb))
    upright = follow(face_landmarker, [astronaut_rgb] * 3)
    seen = list(follow_face(frames_of([lying] * 3), face_landmarker, policy="single"))
    assert [one.quarter_turns for one in seen] == [3] * 3
    for one, other in zip(seen, upright, strict=True):
        assert one.face is not None
        assert other is not None
        apart = (one.face.points - other.points)[:, :2]
        assert np.sqrt((apart**2).sum(axis=1).mean()) < 0.03 * other.interocular_px


def test_two_people_are_refused_with_the_time(face_landmarker: FaceLandmarker, astronaut_rgb: Rgb) -> None:
    alone = np.concatenate([astronaut_rgb, np.full_like(astronaut_rgb, 127)], axis=1)
    together = np.concatenate([astronaut_rgb, astronaut_rgb], axis=1)
    with pytest.raises(MultipleFaces, match=r"At 0\.0 s: 2 faces were found\. Record the patient alone"):
        follow(face_landmarker, [together])
    with pytest.raises(MultipleFaces, match=r"At 1\.0 s: 2 faces were found"):
        follow(face_landmarker, [alone] * 5 + [together] * 10)


def test_the_largest_of_two_is_followed_where_asked_for(face_landmarker: FaceLandmarker, astronaut_rgb: Rgb) -> None:
    half = np.full_like(astronaut_rgb, 127)
    small = astronaut_rgb[::2, ::2]
    half[: small.shape[0], : small.shape[1]] = small
    faces = follow(face_landmarker, [np.concatenate([half, astronaut_rgb], axis=1)] * 12, policy="largest")
    assert all(face is not None and face.points[:, 0].mean() > astronaut_rgb.shape[1] for face in faces)


def test_the_square_around_landmarks_is_turned_like_the_head(astronaut_face: Face) -> None:
    region = FaceRegion.around(astronaut_face.points, eyes=astronaut_face.eye_centres, score=1.0)
    right, left = astronaut_face.eye_centres
    assert region.angle_rad == pytest.approx(np.arctan2(left[1] - right[1], left[0] - right[0]))
    assert region.side == pytest.approx(1.5 * np.ptp(astronaut_face.points[:, :2], axis=0).max(), rel=1e-5)
