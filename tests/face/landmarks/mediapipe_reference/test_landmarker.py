from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import thread as thread_pools

import numpy as np
import pytest

from face.frame.quality import head_angles
from face.landmarks.found_face import Face
from face.landmarks.landmarker import FaceLandmarker
from face.landmarks.mediapipe_reference.landmarker import MediapipeLandmarker
from tests import factories


@pytest.fixture(scope="module")
def reference() -> Iterator[MediapipeLandmarker]:
    with MediapipeLandmarker() as landmarker:
        yield landmarker


@pytest.mark.parametrize("picture", [factories.astronaut, factories.near_and_far_face, factories.no_face])
def test_our_own_run_of_the_networks_gives_mediapipes_landmarks(
    picture: Callable[[], np.ndarray], reference: MediapipeLandmarker, face_landmarker: FaceLandmarker
) -> None:
    rgb = picture()
    theirs, ours = reference.detect(rgb), face_landmarker.detect(rgb)
    assert len(ours) == len(theirs)
    for their, our in zip(theirs, ours, strict=True):
        apart = np.linalg.norm((our.points - their.points)[:, :2], axis=1) * 96 / their.interocular_px
        assert apart.mean() < 0.2  # of 96 px between the eyes
        assert np.percentile(apart, 99) < 0.8
        np.testing.assert_allclose(head_angles(our.pose), head_angles(their.pose), atol=0.5)


@pytest.mark.parametrize(
    "picture", [factories.two_faces, factories.small_face, lambda: factories.small_face(25)], ids=["two", "40", "25"]
)
def test_what_only_pieces_show_is_found_alike(
    picture: Callable[[], np.ndarray], reference: MediapipeLandmarker, face_landmarker: FaceLandmarker
) -> None:
    """Of the overlapping pieces either may take another one."""
    rgb = picture()
    theirs, ours = reference.detect(rgb), face_landmarker.detect(rgb)
    assert len(ours) == len(theirs) > 0
    for our in ours:
        apart = [np.linalg.norm((our.points - their.points)[:, :2], axis=1).mean() for their in theirs]
        assert min(apart) < 0.03 * our.interocular_px


def test_both_looks_agree_with_mediapipes(
    astronaut_rgb: np.ndarray, reference: MediapipeLandmarker, face_landmarker: FaceLandmarker
) -> None:
    theirs = reference.look(astronaut_rgb, policy="single", both_ways=True)
    ours = face_landmarker.look(astronaut_rgb, policy="single", both_ways=True)
    apart = np.linalg.norm((ours.face.points - theirs.face.points)[:, :2], axis=1) * 96 / theirs.face.interocular_px
    assert apart.mean() < 1.0
    assert theirs.disagreement == pytest.approx(ours.disagreement, abs=0.02)


def test_a_face_that_the_mirrored_look_does_not_find(
    astronaut_face: Face, reference: MediapipeLandmarker, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter([[astronaut_face], []])
    monkeypatch.setattr(reference, "detect", lambda _: next(found))
    look = reference.look(factories.astronaut(), policy="single", both_ways=True)
    assert look.disagreement is None
    assert look.face is astronaut_face


def test_landmarker_left_to_the_garbage_collector_stops_nothing() -> None:
    """Collection comes at any moment, also under the lock of every thread pool, which MediaPipe's close would take."""
    MediapipeLandmarker().close()  # the first one of a process is kept by the frames of MediaPipe's import
    landmarker = MediapipeLandmarker()

    def collect() -> None:
        nonlocal landmarker
        with thread_pools._global_shutdown_lock:
            del landmarker

    with pytest.warns(ResourceWarning, match="not closed"):
        collect()


def test_closed_landmarker_says_so() -> None:
    landmarker = MediapipeLandmarker(max_faces=1)
    landmarker.close()
    landmarker.close()
    with pytest.raises(RuntimeError, match="closed"):
        landmarker.detect(factories.astronaut())
    with pytest.raises(ValueError, match="max_faces"):
        MediapipeLandmarker(max_faces=0)
