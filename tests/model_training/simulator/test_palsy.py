"""The grade is read off the House-Brackmann table; the table's wording is checked against the numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from face.palsy.severity import (
    REGION_WEIGHTS,
    RegionalSeverity,
    grade_of_severity,
    house_brackmann_grade,
    overall_severity,
)
from face.vocabulary import REGIONS
from model_training.simulator.palsy import movement_left, synkinesis, tone_lost


@pytest.mark.parametrize("row", range(6))
def test_every_row_of_the_table_has_its_grade(row: int) -> None:
    assert house_brackmann_grade(RegionalSeverity.even(row)) == row + 1
    assert overall_severity(RegionalSeverity.even(row)) == pytest.approx(row)


def test_closing_eye_and_moving_forehead_exclude_four() -> None:
    # A weak mouth alone: the mean would be 3.1 (grade IV).
    severity = RegionalSeverity(forehead=2.4, eye=2.4, nose=4, mouth=4)
    assert sum(REGION_WEIGHTS[region] * getattr(severity, region) for region in REGIONS) > 2.5
    assert house_brackmann_grade(severity) == 3


def test_open_eye_and_still_forehead_exclude_three() -> None:
    assert house_brackmann_grade(RegionalSeverity(forehead=2.6, eye=2.6, nose=1, mouth=1)) == 4


def test_symmetry_at_rest_excludes_five_and_lost_tone_excludes_four() -> None:
    assert house_brackmann_grade(RegionalSeverity.even(3.49)) == 4
    assert house_brackmann_grade(RegionalSeverity.even(3.5)) == 5


def test_any_movement_excludes_six() -> None:
    assert house_brackmann_grade(RegionalSeverity(forehead=5, eye=5, nose=3.5, mouth=5)) == 5


def test_grade_never_falls_when_a_region_gets_worse() -> None:
    steps = np.linspace(0, 5, 11)
    for region in REGIONS:
        others = [other for other in REGIONS if other != region]
        for values in itertools.product((0.0, 1.4, 2.5, 3.6, 5.0), repeat=3):
            fixed = dict(zip(others, values, strict=True))
            course = [overall_severity(RegionalSeverity(**fixed, **{region: float(step)})) for step in steps]
            assert np.all(np.diff(course) >= 0), (region, fixed, course)


@pytest.mark.parametrize("value", [-0.1, 5.1, float("nan")])
def test_impossible_severities_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="severity"):
        RegionalSeverity.even(value)
    with pytest.raises(ValueError, match="severity"):
        grade_of_severity(value)


def test_tables_say_what_the_clinical_rows_say() -> None:
    for region in REGIONS:
        course = [movement_left(region, severity) for severity in np.linspace(0, 5, 51)]
        assert course[0] == 1
        assert course[-1] == 0
        assert np.all(np.diff(course) <= 0)
    # Forehead: none from IV on. Eye: complete with effort at III, incomplete at IV. Rest: normal up to IV, then not.
    assert movement_left("forehead", 3) == 0
    assert movement_left("eye", 2, with_effort=True) > 0.9 > 0.6 > movement_left("eye", 3, with_effort=True)
    assert tone_lost(2) < 0.1 < 0.2 > tone_lost(3)
    assert tone_lost(4) > 0.5
    assert synkinesis(0) == synkinesis(5) == 0 < synkinesis(1) < synkinesis(2)
