"""What is said of a clip's events, with a graph that sees no difference between the emotions."""

import cv2
import numpy as np
import pytest

from face.frame.quality import QualityLimits
from face.microexpression.clip_frame import ClipFrame
from face.microexpression.clip_reading import read_clip
from face.microexpression.spec import MicroExpressionSpec
from face.stopwatch import Stopwatch
from tests.face.microexpression.test_input import BROW_RAISE
from tests.face.microexpression.test_spotting import FPS, clip, face_at_rest  # noqa: F401 - a fixture

EMOTIONS = ("negative", "positive", "surprise")


def read(frames):
    return read_clip(
        frames,
        MicroExpressionSpec(),
        lambda inputs: {"emotion_logits": np.zeros((len(inputs["flow"]), len(EMOTIONS)), np.float32)},
        emotions=EMOTIONS,
        temperature=1.0,
        limits=QualityLimits(),
        watch=Stopwatch(),
    )


def test_a_movement_that_the_clip_cuts_off_says_so(face_at_rest):  # noqa: F811
    whole = [0] * 9 + [1, 2, 3, 2, 1] + [0] * 8
    for profile, said in ((whole, None), (whole[11:], "begins in the middle"), (whole[:12], "ends in the middle")):
        (event,) = read(clip(face_at_rest, profile, BROW_RAISE)).events
        assert event.label is not None
        assert [said in text for text in event.warnings] == ([True] if said else [])


def test_a_clip_that_goes_over_to_another_face_says_so_and_names_nothing(face_at_rest):  # noqa: F811
    rgb, _, landmarker = face_at_rest
    seen = clip(face_at_rest, [0] * 10, BROW_RAISE)
    # A face of other proportions and other texture: upper and lower half of the picture stretched, left for right.
    middle = rgb.shape[0] // 2
    other = cv2.resize(rgb[:middle, ::-1], (rgb.shape[1], int(0.75 * middle)))
    other = np.vstack([other, cv2.resize(rgb[middle:, ::-1], (rgb.shape[1], rgb.shape[0] - len(other)))])
    other = cv2.GaussianBlur(np.roll(other, 3, axis=2), (0, 0), 1.2)
    after = clip((other, landmarker.detect(other)[0], landmarker), [0] * 10, BROW_RAISE)
    frames = [*seen, *(ClipFrame((10 + number) / FPS, frame.seen) for number, frame in enumerate(after))]
    events = read(frames).events
    assert events
    for event in events:
        assert event.label is None
        assert event.warnings


@pytest.mark.parametrize(("fps", "said"), [(0.1, "has 0.1 frames a second"), (15, "has 15 frames a second")])
def test_a_slow_camera_is_named_with_its_speed(face_at_rest, fps, said):  # noqa: F811
    frames = clip(face_at_rest, [0] * 8, BROW_RAISE, fps=fps)
    assert said in read(frames).warnings[0]
