"""What a script says, on landmarks moved in known ways."""

from __future__ import annotations

import numpy as np
import pytest

from face.clip.examination import examine_clip
from face.clip.script import Script, WrongScript
from face.errors import NoUsablePicture
from face.landmarks.found_face import Face
from face.palsy.assessment.fitted import fitted_numbers
from tests.face.clip.test_examination import PLAN, clip_of


def test_parts_come_by_time() -> None:
    script = Script.parse(" snarl:11-12.5 , rest:0-2")
    assert [str(part) for part in script.parts] == ["rest:0-2", "snarl:11-12.5"]


@pytest.mark.parametrize("text", ["rest:0-1," * 40 + "rest:0-1", "rest:0-nan", "rest:-1-2", "rest:0-1;snarl:2-3"])
def test_what_is_no_script_is_refused(text: str) -> None:
    with pytest.raises(WrongScript):
        Script.parse(text)


def test_parts_may_touch_and_repeat(astronaut_face: Face) -> None:
    plan = [("brow_lift", 2.0), ("brow_lift", 5.0)]
    script = Script.parse("rest:0-2,brow_lift:2-5,brow_lift:5-8")
    found = examine_clip(clip_of(astronaut_face, plan=plan), fitted_numbers(), script=script)
    assert [movement.channel for movement in found.movements] == ["brow_lift", "brow_lift"]
    assert found.repeatability("brow_lift") == pytest.approx(0, abs=0.1)
    assert list(found.chosen) == ["brow_lift"]


def test_apexes_and_rest_lie_in_their_parts(astronaut_face: Face) -> None:
    text = ",".join(["rest:0.2-1.5", *(f"{pose}:{start}-{start + 2}" for pose, start in PLAN)])
    found = examine_clip(clip_of(astronaut_face, left=0.33), fitted_numbers(), script=Script.parse(text))
    assert set(found.chosen) == {pose for pose, _ in PLAN}
    for pose, start in PLAN:
        assert start + 0.4 < found.chosen[pose].apex_s < start + 1.2
    assert 0.2 <= found.rest_s <= 1.5
    assert np.all(found.times_s[found.at_rest] <= 1.5)


def test_a_movement_that_was_not_made_keeps_its_name_and_is_weak(astronaut_face: Face) -> None:
    plan = [("brow_lift", 2.0)]
    script = Script.parse("rest:0-1.5,full_smile:2-4")
    found = examine_clip(clip_of(astronaut_face, plan=plan), fitted_numbers(), script=script)
    assert not found.chosen["full_smile"].is_seen


def test_a_rest_in_which_no_face_is_seen_is_refused(astronaut_face: Face) -> None:
    faces = clip_of(astronaut_face, plan=[("brow_lift", 2.0)])
    with pytest.raises(NoUsablePicture, match="never at rest"):
        examine_clip(faces, fitted_numbers(), script=Script.parse("rest:40-50,brow_lift:2-4"))
