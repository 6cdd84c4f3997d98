"""A clip whose movement is known to the frame."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from skimage import data

from face.errors import NoFace
from face.landmarks.landmarker import FaceLandmarker
from face.microexpression.clip_frame import KEPT_INTEROCULAR_PX, ClipFrame, cut_to_face
from face.microexpression.pair_motion import pair_motion
from face.microexpression.spec import MicroExpressionSpec
from face.microexpression.spotting import LEAST_SLOW, spot, still_stretches
from tests.face.microexpression.test_input import BROW_RAISE, SMILE, warped

SPEC = MicroExpressionSpec()
FPS = 25.0


@pytest.fixture(scope="module")
def face_at_rest():
    with FaceLandmarker() as landmarker:
        rgb = np.ascontiguousarray(data.astronaut()[20:300, 90:370])
        yield rgb, landmarker.detect(rgb)[0], landmarker


def clip(face_at_rest, profile, movement, *, fps=FPS, light=lambda _: 1.0):
    """Frames of the photograph with a movement of profile[i] per cent, a little sensor noise in each."""
    rgb, face, landmarker = face_at_rest
    rng = np.random.default_rng(5)
    frames = []
    for number, percent in enumerate(profile):
        moved = warped(rgb, face, movement, percent) if percent else rgb
        seen = np.clip(light(number) * moved + rng.normal(0, 1.0, rgb.shape) + 0.5, 0, 255).astype(np.uint8)
        frames.append(ClipFrame(number / fps, cut_to_face(seen, landmarker.detect(seen)[0], SPEC)))
    return frames


def without_face(frames, number):
    return [ClipFrame(one.time_s, None) if at == number else one for at, one in enumerate(frames)]


def test_one_short_movement_is_one_event_with_its_apex(face_at_rest):
    profile = [0] * 9 + [1, 2, 3, 2, 1] + [0] * 8
    found = spot(clip(face_at_rest, profile, SMILE), SPEC)
    (event,) = found.events
    assert abs(event.apex - 11) <= 1
    assert 7 <= event.onset <= 10
    assert 13 <= event.offset <= 15
    assert event.kind == "expression"
    assert event.reliability > 0.9
    assert event.apex in event.around
    assert found.rest[1] < 10 or found.rest[0] > 12
    assert 1 < found.motion[11] < 3.5
    assert np.median(found.motion) < 0.2


def test_a_still_clip_has_no_event(face_at_rest):
    assert spot(clip(face_at_rest, [0] * 12, SMILE), SPEC).events == ()


def test_two_movements_are_two_events_also_beside_frames_without_a_face(face_at_rest):
    frames = clip(face_at_rest, [0] * 6 + [1.5, 3, 1.5] + [0] * 7 + [1.5, 3, 1.5] + [0] * 5, BROW_RAISE)
    found = spot(without_face(frames, 12), SPEC)
    assert [event.apex for event in found.events] == [pytest.approx(7, abs=1), pytest.approx(17, abs=1)]
    assert np.isnan(found.motion[12])
    assert found.events[0].offset < found.events[1].onset


def test_rest_is_where_the_face_is_most_of_the_time(face_at_rest):
    frames = clip(face_at_rest, [4] * 6 + [0] * 14, SMILE)
    first, last = spot(frames, SPEC).rest
    assert first >= 6
    assert last - first == round(0.2 * FPS)


def test_rest_lasts_as_long_whatever_the_frames_a_second(face_at_rest):
    seen = clip(face_at_rest, [0], SMILE)[0].seen
    times = np.array([0.0, 0.01, 0.02, 0.2, 0.4, 0.6, 0.61, 0.9])
    ((first, last),) = still_stretches([seen.face] * len(times), times)
    assert times[last] - times[first] >= 0.199
    assert still_stretches([seen.face, None, seen.face], np.array([0.0, 0.004, 0.008])) == [(0, 0), (2, 2)]


@pytest.mark.parametrize("profile", [[0, 3, 0], [0, 0, 0, 0, 2, 3, 2, 0, 0, 0], [0, 0, 0, 2, 3]])
def test_the_rest_of_a_short_clip_is_not_the_peak_of_its_movement(face_at_rest, profile):
    found = spot(clip(face_at_rest, profile, BROW_RAISE), SPEC)
    assert profile[found.rest[0]] <= 1
    assert found.motion[np.argmax(profile)] > 1
    assert all(profile[event.apex] >= 2 for event in found.events)


def test_each_part_of_a_long_clip_offers_a_rest(face_at_rest):
    seen = clip(face_at_rest, [0], SMILE)[0].seen
    times = np.arange(100) / FPS
    starts = [first for first, _ in still_stretches([seen.face] * 25 + [None] * 25 + [seen.face] * 50, times)]
    assert len(starts) == 3
    assert np.diff(starts).min() > 20


def test_a_clip_without_a_face_of_two_frames_or_out_of_order_is_refused(face_at_rest):
    seen = clip(face_at_rest, [0], SMILE)[0].seen
    with pytest.raises(NoFace, match="0 of 5 frames"):
        spot([ClipFrame(number / FPS, None) for number in range(5)], SPEC)
    with pytest.raises(ValueError, match="at least 3 frames"):
        spot([ClipFrame(number / FPS, seen) for number in range(2)], SPEC)
    with pytest.raises(ValueError, match="ascend"):
        spot([ClipFrame(0.0, seen)] * 4, SPEC)


def slow(count, percent, *, phase):
    """What a head's sway leaves of a face: back and forth in three seconds."""
    return (percent * np.sin(2 * np.pi * np.arange(count) / (3 * FPS) + phase)).tolist()


@pytest.mark.parametrize("phase", [0, np.pi / 2])  # the clip begins in the middle of the sway, or at its end
def test_what_sways_slowly_is_no_event_in_a_clip_or_at_its_edge(face_at_rest, phase):
    found = spot(clip(face_at_rest, slow(42, 0.9, phase=phase), BROW_RAISE), SPEC)
    assert found.events == ()
    assert found.motion.max() > 0.3  # the curve shows it


def test_a_short_movement_is_found_in_a_slow_sway(face_at_rest):
    profile = np.array(slow(40, 0.7, phase=np.pi / 2))
    profile[23:28] += [1, 2, 3, 2, 1]
    (event,) = spot(clip(face_at_rest, profile.tolist(), BROW_RAISE), SPEC).events
    assert abs(event.apex - 25) <= 1


def test_a_movement_that_the_clip_cuts_off_is_an_event(face_at_rest):
    for profile in ([3, 3, 2.5, 2, 1] + [0] * 20, [0] * 20 + [1, 2, 2.5, 3, 3]):
        (event,) = spot(clip(face_at_rest, profile, SMILE), SPEC).events
        assert abs(profile[event.apex] - 3) < 0.6


def test_a_large_movement_is_an_event_however_slowly_it_comes(face_at_rest):
    rise = np.linspace(0, LEAST_SLOW + 4, 25).tolist()
    found = spot(clip(face_at_rest, [0] * 15 + rise + [rise[-1]] * 15, BROW_RAISE), SPEC)
    assert len(found.events) == 1


@pytest.mark.parametrize(("periods", "kind"), [(1, "expression"), (4, "speech")])
def test_beside_lips_that_go_on_opening_and_closing_a_movement_is_speech(face_at_rest, periods, kind):
    frames = clip(face_at_rest, [0] * 9 + [1, 2, 3, 2, 1] + [0] * 8, BROW_RAISE)
    spoken = []
    for number, frame in enumerate(frames):
        points = frame.seen.face.points.copy()
        opening = 0.06 * np.sin(np.pi * periods * number / len(frames)) ** 2
        points[14, 1] += opening * frame.seen.face.interocular_px
        spoken.append(replace(frame, seen=replace(frame.seen, face=replace(frame.seen.face, points=points))))
    (event,) = spot(spoken, SPEC).events
    assert event.kind == kind


@pytest.mark.parametrize(
    ("wider", "opening", "kind"),
    [(8, 0, "expression"), (1, 0, "speech"), (8, 6, "speech")],
    ids=["smile", "no", "talks"],
)
def test_a_smile_that_stays_is_an_expression_whatever_was_said_before_it(face_at_rest, wider, opening, kind):
    """The lips open and close three times in a second; then the face moves and stays so, the mouth wide or not."""
    frames = clip(face_at_rest, [0] * 25 + [4, 8] + [12] * 13 + [8, 4] + [0] * 8, BROW_RAISE)
    spoken = []
    for number, frame in enumerate(frames):
        face = frame.seen.face
        points = face.points.copy()
        smiling = 25 <= number < 42
        apart = opening if smiling else 6 * (number < 25)
        points[14, 1] += apart / 100 * np.sin(np.pi * number / 8) ** 2 * face.interocular_px
        if smiling:
            points[[61, 291], 0] += np.array([-1, 1]) * wider / 200 * face.interocular_px
        spoken.append(replace(frame, seen=replace(frame.seen, face=replace(face, points=points))))
    event = max(spot(spoken, SPEC).events, key=lambda event: event.offset - event.onset)
    assert 26 <= event.apex < 42
    assert event.kind == kind


def test_a_slow_brightening_is_no_event(face_at_rest):
    frames = clip(face_at_rest, [0] * 10, SMILE, light=lambda number: 1 - 0.02 * number)
    assert spot(frames, SPEC).events == ()


def test_a_piece_of_a_picture_shows_the_same_motion_as_the_picture(face_at_rest):
    rgb, _, landmarker = face_at_rest
    rgb = np.ascontiguousarray(cv2.resize(rgb, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC))
    face = landmarker.detect(rgb)[0]
    apex = warped(rgb, face, SMILE, 3)
    moved = landmarker.detect(apex)[0]
    whole = pair_motion(rgb, face, apex, moved, SPEC)
    first, second = cut_to_face(rgb, face, SPEC), cut_to_face(apex, moved, SPEC)
    assert first.face.interocular_px == pytest.approx(KEPT_INTEROCULAR_PX, rel=0.02)
    assert first.sent_px == pytest.approx(face.interocular_px / KEPT_INTEROCULAR_PX, rel=0.02)
    assert first.rgb.nbytes < 400_000
    assert first.rgb.shape[:2] == (first.face.image_height, first.face.image_width)
    cut = pair_motion(first.rgb, first.face, second.rgb, second.face, SPEC)
    assert cut.moved == pytest.approx(whole.moved, abs=0.5)
    assert cut.kind == whole.kind == "expression"
