"""A clip whose movement is known to the frame."""

import cv2
import numpy as np
import pytest
from skimage import data

from face.errors import NoFace
from face.landmarks.landmarker import FaceLandmarker
from face.microexpression.spec import MicroExpressionSpec
from face.microexpression.spotting import Frame, find_rest, spot
from tests.face.microexpression.test_input import BROW_RAISE, SMILE, warped

SPEC = MicroExpressionSpec()
FPS = 25.0


@pytest.fixture(scope="module")
def face_at_rest():
    with FaceLandmarker() as landmarker:
        rgb = np.ascontiguousarray(data.astronaut()[20:300, 90:370])
        yield rgb, landmarker.detect(rgb)[0], landmarker


def clip(face_at_rest, profile, movement):
    """Frames of the photograph with a movement of profile[i] per cent, a little sensor noise in each."""
    rgb, face, landmarker = face_at_rest
    rng = np.random.default_rng(5)
    frames = []
    for percent in profile:
        moved = warped(rgb, face, movement, percent) if percent else rgb
        seen = np.clip(moved + rng.normal(0, 1.0, rgb.shape) + 0.5, 0, 255).astype(np.uint8)
        frames.append(Frame(rgb=seen, face=landmarker.detect(seen)[0]))
    return frames


def test_one_short_movement_is_one_event_with_its_apex(face_at_rest):
    profile = [0] * 9 + [1, 2, 3, 2, 1] + [0] * 8
    found = spot(clip(face_at_rest, profile, SMILE), fps=FPS, spec=SPEC)
    (event,) = found.events
    assert abs(event.apex - 11) <= 1
    assert 7 <= event.onset <= 10
    assert 13 <= event.offset <= 15
    assert event.kind == "expression"
    assert event.reliability > 0.9
    assert found.rest[1] < 10 or found.rest[0] > 12
    assert 1 < found.motion[11] < 3.5
    assert np.median(found.motion) < 0.2


def test_a_still_clip_has_no_event(face_at_rest):
    assert spot(clip(face_at_rest, [0] * 12, SMILE), fps=FPS, spec=SPEC).events == ()


def test_two_movements_are_two_events_also_beside_frames_without_a_face(face_at_rest):
    frames = clip(face_at_rest, [0] * 6 + [1.5, 3, 1.5] + [0] * 7 + [1.5, 3, 1.5] + [0] * 5, BROW_RAISE)
    frames[12] = Frame(rgb=frames[12].rgb, face=None)
    found = spot(frames, fps=FPS, spec=SPEC)
    assert [event.apex for event in found.events] == [pytest.approx(7, abs=1), pytest.approx(17, abs=1)]
    assert np.isnan(found.motion[12])


def test_rest_is_where_the_face_is_most_of_the_time(face_at_rest):
    first, last = find_rest(clip(face_at_rest, [4] * 6 + [0] * 14, SMILE), fps=FPS)
    assert first >= 6
    assert last - first == round(0.2 * FPS)


def test_a_clip_without_a_face_or_of_two_frames_is_refused(face_at_rest):
    rgb = face_at_rest[0]
    with pytest.raises(NoFace, match="0 of 5 frames"):
        spot([Frame(rgb=rgb, face=None)] * 5, fps=FPS, spec=SPEC)
    with pytest.raises(ValueError, match="at least 3 frames"):
        spot([Frame(rgb=rgb, face=face_at_rest[1])] * 2, fps=FPS, spec=SPEC)


def test_a_slow_brightening_is_no_event(face_at_rest):
    frames = clip(face_at_rest, [0] * 10, SMILE)
    lit = [
        Frame(rgb=cv2.convertScaleAbs(frame.rgb, alpha=1 - 0.02 * number), face=frame.face)
        for number, frame in enumerate(frames)
    ]
    assert spot(lit, fps=FPS, spec=SPEC).events == ()
