from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from face.errors import NoUsablePicture
from face.palsy.assessment.examination import examine
from face.palsy.assessment.fitted import fitted_numbers
from face.palsy.assessment.measuring.picture import SessionPicture
from face.palsy.assessment.options import ExaminationOptions
from face.vocabulary import POSES, Pose
from model_training.simulator.patient import Palsy
from tests.face.palsy.assessment.patients import left_palsy, patient, picture

NUMBERS = fitted_numbers()
HEALTHY = Palsy({})
CORE: tuple[Pose, ...] = ("rest", "brow_lift", "gentle_closure", "full_smile")


def test_a_healthy_person_moves_alike_on_both_sides() -> None:
    found = examine(patient(HEALTHY, side="none"), NUMBERS)
    assert found.evidence == "full"
    assert {pose: seen.status for pose, seen in found.poses.items()} == dict.fromkeys(POSES, "used")
    assert found.grade is not None
    assert found.grade.index == 0
    assert found.rule_grade == "I"
    assert found.side == "none"
    for share in found.findings.regions.values():
        assert share is not None
        assert share.value == pytest.approx(1.0, abs=0.03)
    assert found.fngs is not None
    assert (found.fngs.total, found.fngs.grade) == (4, "I")
    assert found.points.points_8 == 8
    assert found.sunnybrook.composite_range == (90, 100)
    assert found.patterns == ()
    assert found.warnings == ()


def test_each_region_is_graded_by_its_own_movement() -> None:
    grades: dict[Pose, float] = {"brow_lift": 1.0, "gentle_closure": 2.0, "tight_closure": 2.0, "snarl": 5.0}
    grades |= {"closed_smile": 5.0, "full_smile": 5.0}
    found = examine(patient(left_palsy(0, 1, 4, 4), grades=grades), NUMBERS)
    assert found.grade is not None
    assert {region: reading.severity for region, reading in found.grade.regions.items()} == pytest.approx(
        {"forehead": 0.0, "eye": 1.0, "nose": 4.0, "mouth": 4.0}
    )
    # .25 * 0 + .3 * 1 + .1 * 4 + .35 * 4 = 2.1: the table's row III.
    assert found.grade.index == 2


def test_a_missing_region_widens_the_answer_and_is_null_in_the_scales() -> None:
    whole = examine(patient(left_palsy(3, 3, 3, 3)), NUMBERS)
    part = examine(patient(left_palsy(3, 3, 3, 3), poses=("rest", "full_smile")), NUMBERS)
    assert whole.grade is not None
    assert part.grade is not None
    assert part.evidence == "single_movement"
    assert list(part.grade.regions) == ["nose", "mouth"]
    assert part.grade.probability < whole.grade.probability
    assert part.findings.regions["forehead"] is None
    assert part.fngs is not None
    assert part.fngs.total is None
    assert part.fngs.total_range[0] < part.fngs.total_range[1]
    assert part.sunnybrook.voluntary["brow_lift"] is None
    assert part.points.points_8 is None
    assert "brow_lift" in part.sentence


def test_the_side_follows_the_mirror_and_may_be_given() -> None:
    mirrored = Palsy({"Right": left_palsy(3, 3, 3, 3).affected["Left"]}, synkinesis=0.0)
    left, right = examine(patient(left_palsy(3, 3, 3, 3)), NUMBERS), examine(patient(mirrored, side="right"), NUMBERS)
    assert (left.side, right.side) == ("left", "right")
    for region, share in left.findings.regions.items():
        other = right.findings.regions[region]
        assert share is not None
        assert other is not None
        assert share.value == pytest.approx(other.value, abs=1e-3)
    given = examine(patient(left_palsy(3, 3, 3, 3)), NUMBERS, options=ExaminationOptions(affected_side="right"))
    assert given.side == "right"
    assert any("left side looks weaker" in warning for warning in given.warnings)


def test_a_movement_that_is_not_made_is_named_and_taken_out() -> None:
    pictures = patient(left_palsy(3, 3, 3, 3))
    pictures["full_smile"] = pictures["rest"]
    found = examine(pictures, NUMBERS)
    assert found.poses["full_smile"].status == "not_seen"
    assert found.poses["full_smile"].problem is not None
    assert "No smile is visible in the picture `full_smile`" in found.poses["full_smile"].problem
    assert "less than 4 mm" in found.poses["full_smile"].problem
    assert "full_smile" not in found.findings.shares
    assert found.poses["full_smile"].problem in found.warnings


def test_a_smile_under_another_name_is_not_graded_as_that() -> None:
    pictures = patient(left_palsy(3, 3, 3, 3), poses=CORE)
    pictures["brow_lift"] = pictures["full_smile"]
    found = examine(pictures, NUMBERS)
    assert found.poses["brow_lift"].status == "other_pose"
    assert found.poses["brow_lift"].looks_like in ("closed_smile", "full_smile")
    assert found.grade is not None
    assert "forehead" not in found.grade.regions


def test_all_at_rest_is_graded_as_one_photograph_at_rest() -> None:
    rest = picture(left_palsy(4, 4, 4, 4), "rest", grade=4.0)
    found = examine(dict.fromkeys(POSES, rest), NUMBERS)
    assert found.evidence == "single_photo"
    assert {seen.status for pose, seen in found.poses.items() if pose != "rest"} == {"not_seen"}
    assert found.fngs is None
    assert found.sunnybrook.composite is None


def test_without_rest_nothing_is_measured_and_the_grade_still_comes() -> None:
    found = examine(patient(left_palsy(3, 3, 3, 3), poses=("brow_lift", "full_smile")), NUMBERS)
    assert found.reference == "mirror"
    assert found.grade is not None
    assert found.findings.shares == {}
    assert found.fngs is None
    assert any("no picture `rest`" in warning for warning in found.warnings)


def test_a_spared_forehead_is_never_graded_silently() -> None:
    found = examine(patient(left_palsy(0, 1, 4, 4)), NUMBERS)
    assert found.patterns == ("forehead_spared",)
    assert any("stroke" in warning for warning in found.warnings)
    assert examine(patient(left_palsy(3, 3, 3, 3)), NUMBERS).patterns == ()


def test_weakness_of_both_sides_has_no_grade_but_shares_of_healthy_people() -> None:
    severity = left_palsy(5, 5, 5, 5).affected["Left"]
    both = Palsy({"Left": severity, "Right": severity}, synkinesis=0.0)
    found = examine(patient(both), NUMBERS, options=ExaminationOptions(effort_confirmed=True))
    assert found.grade is None
    assert found.grade_missing is not None
    assert found.reference == "population"
    assert found.patterns == ("bilateral_suspected",)


def test_an_eye_that_stays_open_is_measured() -> None:
    found = examine(patient(left_palsy(4, 4, 4, 4)), NUMBERS)
    assert found.findings.lagophthalmos_mm["tight_closure"] > 1.0
    assert found.findings.closes("tight_closure") is False
    assert examine(patient(HEALTHY), NUMBERS).findings.lagophthalmos_mm["tight_closure"] < 0.5


def test_the_eye_that_narrows_with_the_smile_is_seen() -> None:
    palsy = Palsy(left_palsy(2, 3, 3, 3).affected, synkinesis=1.5)
    with_synkinesis = examine(patient(palsy), NUMBERS).findings.synkinesis["full_smile"]
    without = examine(patient(left_palsy(2, 3, 3, 3)), NUMBERS).findings.synkinesis["full_smile"]
    value = {one.kind: one.value for one in with_synkinesis}["ocular"]
    assert value > {one.kind: one.value for one in without}["ocular"] + 0.1
    assert {one.kind: one.grade for one in with_synkinesis}["ocular"] >= 1


def test_millimetres_are_the_persons_own_and_the_optician_is_believed() -> None:
    small, large = examine(patient(HEALTHY, size=0.9), NUMBERS), examine(patient(HEALTHY, size=1.1), NUMBERS)
    assert small.scale is not None
    assert large.scale is not None
    # The ring is the ruler: a face that is larger with its iris has the same millimetres.
    assert small.scale.mm_per_iod == pytest.approx(large.scale.mm_per_iod, rel=1e-3)
    given = examine(patient(HEALTHY), NUMBERS, options=ExaminationOptions(pupil_distance_mm=60.0))
    assert given.scale is not None
    assert (given.scale.source, given.scale.mm_per_iod) == ("pupil_distance", pytest.approx(60.0, rel=1e-3))
    assert given.scale.relative_u < small.scale.relative_u


def test_every_measure_has_an_uncertainty_and_the_scale_is_part_of_it() -> None:
    found = examine(patient(HEALTHY), NUMBERS)
    assert {"brow_excursion", "commissure_excursion", "fissure", "closure"} <= {one.id for one in found.measures}
    assert all(one.u > 0 and np.isfinite(one.value) for one in found.measures)
    height = next(one for one in found.measures if one.id == "brow_height")
    assert height.u > 0.06 * height.value


def test_a_turned_head_has_no_sideways_lengths() -> None:
    pictures = patient(HEALTHY, poses=("rest", "full_smile"))
    object.__setattr__(pictures["full_smile"], "yaw_deg", 20.0)
    ids = {one.id for one in examine(pictures, NUMBERS).measures if one.pose == "full_smile"}
    assert "commissure_dx" not in ids
    assert "commissure_dy" in ids


def test_another_persons_picture_is_doubted() -> None:
    pictures = patient(HEALTHY)
    assert examine(pictures, NUMBERS).same_face is not None
    pictures["snarl"] = picture(HEALTHY, "snarl", stretch=(1.0, 1.25, 0.8))
    found = examine(pictures, NUMBERS)
    assert found.same_face is not None
    assert found.same_face.doubtful
    assert found.same_face.farthest == "snarl"
    assert any("`snarl` may show another person" in warning for warning in found.warnings)


def test_a_rest_picture_that_is_none_is_doubted() -> None:
    pictures = patient(HEALTHY)
    pictures["rest"], pictures["full_smile"] = pictures["full_smile"], pictures["rest"]
    assert any("does not look like rest" in warning for warning in examine(pictures, NUMBERS).warnings)


def test_a_movement_of_a_hidden_region_is_taken_out() -> None:
    pictures = patient(left_palsy(3, 3, 3, 3), poses=CORE)
    pictures["brow_lift"] = replace(pictures["brow_lift"], hidden=frozenset({"forehead"}))
    found = examine(pictures, NUMBERS)
    assert found.poses["brow_lift"].status == "covered"
    assert any("Too little of the forehead is seen in the picture `brow_lift`" in warning for warning in found.warnings)
    assert found.grade is not None
    assert "forehead" not in found.grade.regions
    with pytest.raises(NoUsablePicture, match="Too little of the forehead"):
        examine({"brow_lift": pictures["brow_lift"]}, NUMBERS)


def test_what_rest_hides_has_no_share_but_is_graded() -> None:
    pictures = patient(left_palsy(3, 3, 3, 3), poses=CORE)
    pictures["rest"] = replace(pictures["rest"], hidden=frozenset({"forehead"}))
    found = examine(pictures, NUMBERS)
    assert found.findings.regions["forehead"] is None
    assert found.findings.regions["mouth"] is not None
    assert found.grade is not None
    assert "forehead" in found.grade.regions


def test_nothing_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        examine({}, NUMBERS)


def test_a_closure_counts_as_made_before_the_lids_landmarks_meet() -> None:
    """Lids' landmarks follow a real lid by a part of its way only."""
    rest = patient(HEALTHY, poses=("rest",), side="none")["rest"]
    lids = ((158, 159, 160, 144, 145, 153), (385, 386, 387, 373, 374, 380))

    def status(closed: float) -> str:
        points = rest.points.copy()
        for eye in lids:
            middle = points[list(eye), 1].mean()
            points[list(eye), 1] = middle + (1 - closed) * (points[list(eye), 1] - middle)
        pictures: dict[Pose, SessionPicture] = {"rest": rest, "gentle_closure": replace(rest, points=points)}
        return examine(pictures, NUMBERS).poses["gentle_closure"].status

    assert status(0.4) == "used"
    assert status(0.2) == "not_seen"


def test_a_head_turned_far_is_no_other_person() -> None:
    pictures = patient(HEALTHY)
    pictures["snarl"] = picture(HEALTHY, "snarl", stretch=(1.0, 1.25, 0.8))
    object.__setattr__(pictures["snarl"], "pitch_deg", -21.0)
    found = examine(pictures, NUMBERS).same_face
    assert found is not None
    assert not found.doubtful
