"""What moves decides whether there is an emotion to name."""

from dataclasses import replace

import numpy as np
import pytest

from face.microexpression.movement_kind import LEAST_SWING, LIPS, FaceChange, lip_swings, movement_kind
from face.microexpression.reading import movement_warnings

STILL = FaceChange(lids=0.0, lips=0.0, jaw=0.0, mouth_width=0.0, gaze=0.0)


@pytest.mark.parametrize(
    ("change", "outside_eyes", "turned_deg", "kind"),
    [
        ({"lids": -8.0}, False, 0.5, "blink"),
        ({"lids": -8.0}, True, 0.5, "expression"),
        ({"gaze": 3.0}, False, 0.5, "gaze"),
        ({"gaze": 3.0}, True, 0.5, "expression"),
        ({}, False, 0.5, "expression"),
        ({}, True, 4.0, "head"),
        ({"lips": 6.0, "jaw": 4.0}, True, 0.5, "speech"),
        ({"lips": -6.0, "jaw": -4.0}, True, 0.5, "speech"),
        ({"lips": 6.0, "jaw": 4.0, "mouth_width": 5.0}, True, 0.5, "expression"),
    ],
)
def test_the_kind_follows_from_what_moved(change, outside_eyes, turned_deg, kind):
    assert movement_kind(replace(STILL, **change), outside_eyes=lambda: outside_eyes, turned_deg=turned_deg) == kind


def test_what_is_no_expression_and_what_is_barely_one_comes_with_a_sentence():
    assert "lids" in movement_warnings("blink", 0.99, STILL, sure=0.9)[0]
    assert movement_warnings("expression", 0.99, STILL, sure=0.9) == []
    assert "barely more than noise (reliability 0.60)" in movement_warnings("expression", 0.6, STILL, sure=0.9)[0]
    assert "close" in movement_warnings("expression", 0.99, replace(STILL, lids=-4.0), sure=0.9)[0]
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
