"""What is said of a clip's events, with a graph that sees no difference between the emotions."""

from dataclasses import replace

import numpy as np
import pytest

from face.frame.quality import QualityLimits
from face.microexpression.clip_reading import read_clip
from face.microexpression.spec import MicroExpressionSpec
from face.stopwatch import Stopwatch
from tests.face.microexpression.test_input import BROW_RAISE
from tests.face.microexpression.test_spotting import clip, face_at_rest  # noqa: F401 - a fixture

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


def spoken(frames, first, last):
    """The landmarks of these frames with lips apart and jaw down, as in speech."""
    made = list(frames)
    for number in range(first, last + 1):
        seen = frames[number].seen
        points = seen.face.points.copy()
        points[[14, 152], 1] += 0.06 * seen.face.interocular_px
        made[number] = replace(frames[number], seen=replace(seen, face=replace(seen.face, points=points)))
    return made


@pytest.mark.parametrize(
    ("apart", "said"), [(0.5, "as in speech"), (4.0, "do not show the same face")], ids=["same", "another"]
)
def test_another_face_does_not_speak(face_at_rest, monkeypatch, apart, said):  # noqa: F811
    """What moves between two people looks like anything; that they are two is said before."""
    monkeypatch.setattr("face.microexpression.clip_reading.flow_disagreement", lambda *_: apart)
    frames = spoken(clip(face_at_rest, [0] * 9 + [1, 2, 3, 2, 1] + [0] * 8, BROW_RAISE), 9, 13)
    (event,) = read(frames).events
    assert event.event.kind == "speech"
    assert event.label is None
    assert said in event.warnings[0]


@pytest.mark.parametrize(("fps", "said"), [(0.1, "has 0.1 frames a second"), (15, "has 15 frames a second")])
def test_a_slow_camera_is_named_with_its_speed(face_at_rest, fps, said):  # noqa: F811
    frames = clip(face_at_rest, [0] * 8, BROW_RAISE, fps=fps)
    assert said in read(frames).warnings[0]
