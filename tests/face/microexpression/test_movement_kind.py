"""What moves decides whether there is an emotion to name."""

from dataclasses import replace

import pytest

from face.microexpression.movement_kind import FaceChange, movement_kind
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
