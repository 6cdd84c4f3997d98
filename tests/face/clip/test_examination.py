"""Movements found in a clip by themselves, on the landmarks of one face moved in known ways."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from face.clip.examination import ClipExamination, examine_clip
from face.clip.looks import TimedFace
from face.errors import NoFace, NoUsablePicture
from face.landmarks.found_face import MIRROR_INDEX, Face
from face.palsy.assessment.fitted import fitted_numbers
from face.palsy.assessment.measuring.movement import same_movement
from face.vocabulary import Pose
from tests.face.clip.curves.simulated import FloatArray, at_rate, unit_movement

# The patient's right half: which landmarks a movement takes along, and by how many millimetres (outwards, up).
BROW = ((63, 105, 66, 70, 107, 46, 53, 52, 65, 55), (0.0, 7.0))
UPPER_LID = (157, 158, 159, 160, 161, 173, 246)
CORNER = ((61, 78, 62, 76, 184, 185, 40, 91, 95, 191), (7.0, 6.0))
UPPER_LIP = ((37, 39, 129, 82, 81, 13), (0.0, 3.5))
PUCKER = ((61, 78, 62, 76, 40, 91, 95, 191), (-6.0, 0.0))

PLAN: list[tuple[Pose, float]] = [
    ("brow_lift", 2.0), ("gentle_closure", 5.0), ("full_smile", 8.0), ("snarl", 11.0), ("pucker", 14.0),
]  # fmt: skip


def moved(face: Face, pose: Pose, amount: float, *, left: float) -> Face:
    """The movement by `amount`, on the patient's left side by `left` times as much."""
    mm = face.interocular_px / 63
    points = face.points.copy()
    for half, share in ((False, 1.0), (True, left)):

        def index(landmarks: tuple[int, ...], *, half: bool = half) -> list[int]:
            return [int(MIRROR_INDEX[at]) if half else at for at in landmarks]

        size = amount * share
        if pose == "gentle_closure":
            lids = index(UPPER_LID)
            below = face.points[index((144, 145, 153)), 1].mean()
            points[lids, 1] += size * 0.9 * (below - points[lids, 1])
            continue
        landmarks, (outwards, up) = {"brow_lift": BROW, "full_smile": CORNER, "snarl": UPPER_LIP, "pucker": PUCKER}[
            pose
        ]
        points[index(landmarks), 0] += size * mm * outwards * (1 if half else -1)
        points[index(landmarks), 1] -= size * mm * up
    return replace(face, points=points)


def clip_of(
    face: Face, *, left: float = 1.0, per_s: float = 25.0, plan: list[tuple[Pose, float]] = PLAN, noise_mm: float = 0.1
) -> list[TimedFace]:
    times = at_rate(per_s, plan[-1][1] + 3.0, jitter=0.1, seed=7)
    rng = np.random.default_rng(7)
    levels: list[tuple[Pose, FloatArray]] = [
        (pose, unit_movement(times, start_s=start, rise_s=0.5, hold_s=0.6, fall_s=0.5)) for pose, start in plan
    ]
    faces = []
    for at, time_s in enumerate(times):
        now = face
        for pose, level in levels:
            if level[at] > 0:
                now = moved(now, pose, float(level[at]), left=left)
        shaken = now.points + rng.normal(0, noise_mm * face.interocular_px / 63, now.points.shape)
        faces.append(TimedFace(at, float(time_s), replace(now, points=shaken.astype(np.float32))))
    return faces


@pytest.fixture(scope="module")
def palsied(astronaut_face: Face) -> ClipExamination:
    """A patient whose left side moves by a third."""
    return examine_clip(clip_of(astronaut_face, left=0.33), fitted_numbers())


def test_each_movement_is_found_by_name_in_its_time(palsied: ClipExamination) -> None:
    assert len(palsied.movements) == len(PLAN)
    for movement, (pose, start) in zip(palsied.movements, PLAN, strict=True):
        assert any(same_movement(pose, chosen) for chosen, one in palsied.chosen.items() if one is movement)
        # Full from .5 to 1.1 s after its start.
        assert start + 0.5 - 0.2 <= movement.apex_s <= start + 1.1 + 0.2
        assert movement.is_seen


def test_rest_is_none_of_the_movements(palsied: ClipExamination) -> None:
    resting = palsied.times_s[palsied.at_rest]
    for _, start in PLAN:
        assert not ((resting > start + 0.2) & (resting < start + 1.4)).any()
    assert palsied.rest_s in resting


def test_the_weak_side_moves_by_a_third(palsied: ClipExamination) -> None:
    brow = palsied.dynamics("brow_lift")
    assert brow[0] is not None
    assert brow[1] is not None
    assert brow[0].excursion / brow[1].excursion == pytest.approx(0.33, abs=0.08)
    assert brow[1].excursion == pytest.approx(7.0, rel=0.25)
    assert brow[1].peak_velocity > 2 * brow[0].peak_velocity
    compared = palsied.sides_compared("brow_lift", affected="left")
    assert compared is not None
    assert compared.lag_s == pytest.approx(0, abs=0.04)


def test_two_repetitions_are_compared(astronaut_face: Face) -> None:
    plan: list[tuple[Pose, float]] = [("brow_lift", 2.0), ("brow_lift", 5.0)]
    examination = examine_clip(clip_of(astronaut_face, plan=plan), fitted_numbers())
    assert [movement.channel for movement in examination.movements] == ["brow_lift", "brow_lift"]
    assert list(examination.chosen) == ["brow_lift"]
    assert examination.repeatability("brow_lift") == pytest.approx(0, abs=0.1)


def test_a_face_that_keeps_still_makes_no_movement(astronaut_face: Face) -> None:
    still = [replace(one, face=astronaut_face) for one in clip_of(astronaut_face)]
    examination = examine_clip(still, fitted_numbers())
    assert examination.movements == ()
    assert examination.chosen == {}
    assert examination.blinks == ()


def test_blinks_are_told_from_closures(astronaut_face: Face) -> None:
    faces = clip_of(astronaut_face, plan=[("brow_lift", 4.0)])
    for at in (20, 21, 22, 23, 60, 61, 62):
        face = faces[at].face
        assert face is not None
        faces[at] = replace(faces[at], face=moved(face, "gentle_closure", 0.9, left=0.3))
    examination = examine_clip(faces, fitted_numbers())
    assert [blink.time_s for blink in examination.blinks] == pytest.approx([0.86, 2.44], abs=0.1)
    assert all(blink.right > 2 * blink.left for blink in examination.blinks)
    assert [movement.channel for movement in examination.movements] == ["brow_lift"]


def test_talk_is_no_movement_of_the_mouth(astronaut_face: Face) -> None:
    """Five syllables a second, with lips that narrow, from 4 to 7 s; a movement of the brows is seen all the same."""
    plan: list[tuple[Pose, float]] = [("full_smile", 2.0), ("brow_lift", 5.0), ("pucker", 8.5)]
    faces = clip_of(astronaut_face, plan=plan)
    mm = astronaut_face.interocular_px / 63
    for at, one in enumerate(faces):
        if 4 <= one.time_s <= 7 and one.face is not None:
            syllable = 0.5 - 0.5 * np.cos(2 * np.pi * 5 * one.time_s)
            talking = moved(one.face, "pucker", 0.5, left=1.0)
            talking.points[[14, 17, 87, 178, 317, 402], 1] += mm * 4 * syllable
            faces[at] = replace(one, face=talking)
    examination = examine_clip(faces, fitted_numbers())
    assert [movement.channel for movement in examination.movements] == ["closed_smile", "brow_lift", "pucker"]
    talking_s = examination.times_s[examination.talks]
    assert talking_s.min() == pytest.approx(4, abs=0.3)
    assert talking_s.max() == pytest.approx(7, abs=0.3)


def test_a_movement_that_is_made_again_and_again_is_no_talk(astronaut_face: Face) -> None:
    plan: list[tuple[Pose, float]] = [("full_smile", 2.0 + 1.7 * place) for place in range(4)]
    examination = examine_clip(clip_of(astronaut_face, plan=plan), fitted_numbers())
    assert not examination.talks.any()
    assert len(examination.movements) == 4


def test_the_mirrored_clip_gives_the_other_side(astronaut_face: Face) -> None:
    faces = clip_of(astronaut_face, left=0.33)
    mirrored = [replace(one, face=one.face.mirrored() if one.face else None) for one in faces]
    plain, other = (examine_clip(given, fitted_numbers()) for given in (faces, mirrored))
    assert [m.channel for m in plain.movements] == [m.channel for m in other.movements]
    np.testing.assert_allclose(plain.left.brow_mm, other.right.brow_mm, atol=1e-3)


def test_a_face_that_is_hardly_there_is_refused(astronaut_face: Face) -> None:
    faces = [replace(one, face=None) if one.index % 3 else one for one in clip_of(astronaut_face)]
    with pytest.raises(NoFace, match=r"seen in \d+ of \d+ pictures"):
        examine_clip(faces, fitted_numbers())


def test_a_face_without_rest_is_refused(astronaut_face: Face) -> None:
    times = at_rate(25, 6)
    faces = [
        TimedFace(at, float(t), moved(astronaut_face, "brow_lift", float(2 * np.sin(9 * t)), left=1.0))
        for at, t in enumerate(times)
    ]
    with pytest.raises(NoUsablePicture, match="never at rest"):
        examine_clip(faces, fitted_numbers())
