from __future__ import annotations

import numpy as np
import pytest

from face.errors import OutOfDistribution
from face.landmarks.found_face import Face
from face.landmarks.look import Look
from face.palsy.decoding import PalsyCalibration, decode
from face.palsy.warnings import USUAL_DISAGREEMENT, check_agreement, check_likeness, check_looks


@pytest.mark.parametrize(
    ("disagreement", "warning"),
    [(USUAL_DISAGREEMENT / 2, None), (2 * USUAL_DISAGREEMENT, "mirror image"), (None, "not found")],
)
def test_looks_that_contradict_each_other_are_said(
    astronaut_face: Face, disagreement: float | None, warning: str | None
) -> None:
    said = check_looks(Look(face=astronaut_face, disagreement=disagreement))
    assert (said == []) if warning is None else (warning in said[0])


def test_unlike_faces_are_warned_of_and_refused() -> None:
    assert check_likeness(1.0, warn_above=2.0, refuse_above=3.0) == []
    assert "2.50" in check_likeness(2.5, warn_above=2.0, refuse_above=3.0)[0]
    with pytest.raises(OutOfDistribution, match=r"3\.50"):
        check_likeness(3.5, warn_above=2.0, refuse_above=3.0)
    assert check_likeness(float(np.float32(9)), warn_above=None, refuse_above=None) == []


@pytest.mark.parametrize(
    ("grade", "left", "none", "named", "warning"),
    [
        (1, 0.8, 0.1, "none", "grade is that of a healthy face, yet the left side"),
        (1, 0.1, 0.8, "none", None),
        (2, 0.55, 0.35, "none", "too slight to name a side, yet the left side"),
        (2, 0.8, 0.1, "left", None),
        (4, 0.3, 0.6, "left", "neither side looks clearly weaker"),
        (4, 0.8, 0.1, "left", None),
    ],
)
def test_a_side_that_contradicts_the_grade_is_said(
    grade: int, left: float, none: float, named: str, warning: str | None
) -> None:
    cumulative = np.where(np.arange(1, 6) < grade, 5.0, -5.0)
    sides = np.log([left, 1 - left - none, none])
    (reading,) = decode(cumulative, sides, calibration=PalsyCalibration())
    assert (reading.index + 1, reading.side) == (grade, named)
    said = check_agreement(reading)
    assert (said == []) if warning is None else (warning in said[0])
