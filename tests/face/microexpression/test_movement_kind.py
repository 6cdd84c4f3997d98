"""What moves decides whether there is an emotion to name."""

from dataclasses import replace

import numpy as np
import pytest

from face.microexpression.movement_kind import (
    CORNERS,
    LEAST_SWING,
    LIPS,
    FaceChange,
    lip_swings,
    movement_kind,
    smile_lasts,
)
from face.microexpression.reading import movement_warnings

STILL = FaceChange(lids=0.0, lips=0.0, jaw=0.0, mouth_width=0.0, gaze=0.0, turned=0.5, tilted=0.5)


@pytest.mark.parametrize(
    ("change", "moved", "outside_eyes", "kind"),
    [
        ({"lids": -8.0}, 2.0, False, "blink"),
        ({"lids": -8.0}, 2.0, True, "expression"),
        ({"gaze": 3.0}, 2.0, False, "gaze"),
        ({"gaze": 3.0}, 2.0, True, "expression"),
        ({}, 2.0, False, "expression"),
        ({"turned": 4.0}, 2.0, True, "head"),
        # As far as no turn of four degrees leaves anything: a broad smile that the landmarks take for a nod.
        ({"turned": 4.0}, 7.0, True, "expression"),
        ({"lips": 6.0, "jaw": 4.0}, 2.0, True, "speech"),
        ({"lips": -6.0, "jaw": -4.0}, 2.0, True, "speech"),
        ({"lips": 6.0, "jaw": 4.0, "mouth_width": 5.0}, 2.0, True, "expression"),
    ],
)
def test_the_kind_follows_from_what_moved(change, moved, outside_eyes, kind):
    assert movement_kind(replace(STILL, **change), moved=moved, outside_eyes=lambda: outside_eyes) == kind


def test_what_is_no_expression_and_what_is_barely_one_comes_with_a_sentence():
    assert "lids" in movement_warnings("blink", 0.99, STILL, sure=0.9)[0]
    assert movement_warnings("expression", 0.99, STILL, sure=0.9) == []
    assert "(reliability 0.60)" in movement_warnings("expression", 0.6, STILL, sure=0.9)[0]
    assert "close" in movement_warnings("expression", 0.99, replace(STILL, lids=-4.0), sure=0.9)[0]
    assert "turns by 1.8" in movement_warnings("expression", 0.99, replace(STILL, turned=1.8), sure=0.9)[0]
    assert "tilts by 7.0" in movement_warnings("expression", 0.99, replace(STILL, tilted=7.0), sure=0.9)[0]
    assert "part" in movement_warnings("expression", 0.99, replace(STILL, lips=2.0), sure=0.9)[0]


def test_lips_of_speech_go_on_opening_and_closing_those_of_an_expression_open_once(astronaut_face):
    def frames(opening):
        found = []
        for percent in opening:
            points = astronaut_face.points.copy()
            points[LIPS[1]] = points[LIPS[0]] + [0, percent / 100 * astronaut_face.interocular_px, 0]
            found.append(replace(astronaut_face, points=points))
        return found

    jitter = np.random.default_rng(1).normal(0, 0.4, 50)
    bump = 6 * np.sin(np.linspace(0, np.pi, 15))
    assert lip_swings(frames(3 + jitter)) == 0
    assert lip_swings(frames(np.concatenate([np.zeros(20), bump, np.zeros(15)]) + 3 + jitter)) == 2
    assert lip_swings(frames(3 + np.concatenate([bump, bump, bump]) + jitter[:45])) == 6
    assert lip_swings(frames(3 + 0.4 * LEAST_SWING * np.sin(np.arange(50)) ** 2)) == 0


def test_a_smile_lasts_as_long_as_the_mouth_stays_wide_and_the_lips_are_still(astronaut_face):
    def mouth(wider, opening):
        """The mouth wider, and the lips further apart, by per cent of the distance of the eyes."""
        points = astronaut_face.points.copy()
        across = points[CORNERS[1]] - points[CORNERS[0]]
        points[CORNERS[1]] += across / np.linalg.norm(across) * wider / 100 * astronaut_face.interocular_px
        points[LIPS[1]] += [0, opening / 100 * astronaut_face.interocular_px, 0]
        return replace(astronaut_face, points=points)

    times = np.arange(40) / 25
    # A word, then a smile of a second.
    word = [mouth(0, opening) for opening in (0, 3, 6, 3, 0)]
    smile = dict(enumerate([*word, *[mouth(9, 2)] * 25, *[mouth(0, 0)] * 10]))
    assert smile_lasts(astronaut_face, smile, 15, times) == pytest.approx(24 / 25)
    assert smile_lasts(astronaut_face, smile, 2, times) == 0
    # Speech with a wide mouth: the lips go on opening and closing.
    spoken = {number: mouth(9, 6 * (number // 5 % 2)) for number in range(40)}
    assert smile_lasts(astronaut_face, spoken, 15, times) == 0
