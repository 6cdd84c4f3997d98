"""The photographs of an examination -> what is said of the patient: the one function that service, training and command
line share.

The way: scale -> which movements are seen -> the grade, each region from its own movement -> side -> shares, signs,
scales and measures -> what must be warned of. Nothing is filled in for a movement that was not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from face.errors import NoUsablePicture
from face.palsy.assessment.doubts import doubts
from face.palsy.assessment.evidence import Evidence, evidence_of, evidence_sentence, region_shown
from face.palsy.assessment.findings import Findings, gather_findings
from face.palsy.assessment.fitted import FittedNumbers
from face.palsy.assessment.grade import SessionGrade, fitted_grade, fitted_sides, session_grade, session_sides
from face.palsy.assessment.measuring.measures import Measure, session_measures
from face.palsy.assessment.measuring.movement import (
    Activation,
    activation,
    covered_sentence,
    is_seen,
    looks_like,
    not_seen_sentence,
    other_pose_sentence,
    shows_another,
)
from face.palsy.assessment.measuring.picture import Measured, SessionPicture
from face.palsy.assessment.measuring.same_face import SameFace, check_same_face
from face.palsy.assessment.measuring.scale import NOMINAL_MM_PER_UNIT, Scale, session_scale
from face.palsy.assessment.options import ExaminationOptions
from face.palsy.assessment.patterns import (
    NO_HEALTHY_SIDE_SENTENCE,
    SENTENCES,
    Pattern,
    PopulationShares,
    forehead_is_spared,
    population_shares,
    weak_on_both_sides,
)
from face.palsy.assessment.scores.auto_eface import AutoEface, auto_eface
from face.palsy.assessment.scores.decision_path import DecisionStep, decision_path
from face.palsy.assessment.scores.fngs import Fngs, MovementPoints, fngs, movement_points
from face.palsy.assessment.scores.sunnybrook import Sunnybrook, sunnybrook
from face.palsy.assessment.session_model import Method, SessionModel
from face.palsy.decoding import name_side
from face.probability import FloatArray
from face.vocabulary import HOUSE_BRACKMANN, POSES, SIDES, HouseBrackmann, Pose, Side

METHOD = Method("regions-then-table", "1", None)

PoseStatus = Literal["used", "covered", "not_seen", "other_pose"]
Reference = Literal["healthy_side", "mirror", "population"]


@dataclass(frozen=True)
class SeenPose:
    """status: `covered` where the region that the movement is made for is not seen. looks_like: the movement that the
    picture is most like; None without a rest picture. problem: a sentence where it is not used."""

    status: PoseStatus
    looks_like: Pose | None
    problem: str | None


@dataclass(frozen=True, eq=False)
class Examination:
    """method: by which it was read. grade: None where House-Brackmann has no healthy side to compare with, see
    `grade_missing`. side, side_probability: as `face.palsy.decoding.name_side`, or as given. findings: without a rest
    picture they hold no share. by_population: shares of each side where both are weak."""

    method: Method
    evidence: Evidence
    sentence: str
    reference: Reference
    poses: dict[Pose, SeenPose]
    grade: SessionGrade | None
    grade_missing: str | None
    decision_path: list[DecisionStep]
    rule_grade: HouseBrackmann | None
    side: Side
    side_probability: float
    side_probabilities: FloatArray
    patterns: tuple[Pattern, ...]
    findings: Findings
    by_population: PopulationShares | None
    fngs: Fngs | None
    points: MovementPoints
    sunnybrook: Sunnybrook
    auto_eface: AutoEface
    scale: Scale | None
    measures: list[Measure]
    same_face: SameFace | None
    warnings: tuple[str, ...]


def examine(
    pictures: Mapping[Pose, SessionPicture],
    numbers: FittedNumbers,
    *,
    options: ExaminationOptions | None = None,
    model: SessionModel | None = None,
) -> Examination:
    """pictures: those that could be read, at least one. numbers: the model's own where there is one. model: measures,
    and grades where it was better than the steps without it.

    Raises ValueError for no picture, NoUsablePicture where what each of them is for is hidden, and what the model's
    graph raises.
    """
    if not pictures:
        raise ValueError("an examination needs at least one picture")
    options = options or ExaminationOptions()
    pictures = {pose: pictures[pose] for pose in POSES if pose in pictures}
    scale = session_scale(pictures, pupil_distance_mm=options.pupil_distance_mm)
    mm = scale.mm_per_unit if scale else NOMINAL_MM_PER_UNIT
    seen = _see(pictures, mm)
    poses = {pose: _status(pose, picture, seen.get(pose), numbers) for pose, picture in pictures.items()}
    used = {pose: picture for pose, picture in pictures.items() if poses[pose].status == "used"}
    if not used:
        raise NoUsablePicture(" ".join(found.problem for found in poses.values() if found.problem))
    still = frozenset(pose for pose, found in poses.items() if found.status == "not_seen" and options.effort_confirmed)
    bilateral = weak_on_both_sides({pose: seen[pose] for pose in seen if pose in used or pose in still})
    reading = None if model is None else model.read(used)
    evidence = evidence_of(frozenset(used) | still)
    grade: SessionGrade | None
    if reading is not None and model is not None and evidence in model.grades_from:
        grade = fitted_grade(reading, frozenset(used), numbers, still=still)
        side_probabilities = fitted_sides(reading, healthy=float(grade.probabilities[0]))
    else:
        grade, side_probabilities = session_grade(used, numbers, still=still), session_sides(used)
    if bilateral:
        grade = None
    grade_missing = NO_HEALTHY_SIDE_SENTENCE if bilateral else None
    corrected = {} if reading is None else reading.corrected
    side, side_probability, affected = _side(side_probabilities, grade, options)
    comparable: dict[Pose, Measured] = {pose: corrected.get(pose, p) for pose, p in _comparable(used).items()}
    findings = gather_findings(comparable, affected, mm_per_unit=mm, numbers=numbers)
    path, rule_grade = decision_path(findings)
    patterns = _patterns(findings, bilateral=bilateral)
    same_face = check_same_face(pictures, numbers)
    measures = session_measures(used, scale, numbers, corrected) if scale else []
    return Examination(
        method=METHOD if model is None else model.method,
        evidence=evidence,
        sentence=evidence_sentence(frozenset(used), frozenset(pictures), still),
        reference="population" if bilateral else "healthy_side" if "rest" in used else "mirror",
        poses=poses,
        grade=grade,
        grade_missing=grade_missing,
        decision_path=path,
        rule_grade=None if bilateral else rule_grade,
        side=side,
        side_probability=side_probability,
        side_probabilities=side_probabilities,
        patterns=patterns,
        findings=findings,
        by_population=population_shares(measures) if bilateral else None,
        fngs=fngs(findings) if findings.shares else None,
        points=movement_points(findings),
        sunnybrook=sunnybrook(findings, eyelid_surgery=options.eyelid_surgery),
        auto_eface=auto_eface(findings, {**used, **corrected}),
        scale=scale,
        measures=measures,
        same_face=same_face,
        warnings=(
            *(SENTENCES[pattern] for pattern in patterns),
            *(found.problem for found in poses.values() if found.problem),
            *doubts(
                pictures,
                findings,
                grade=grade,
                rule_grade=rule_grade,
                side_probabilities=side_probabilities,
                given_side=options.affected_side,
                same_face=same_face,
                mm_per_unit=mm,
            ),
        ),
    )


def _see(pictures: Mapping[Pose, SessionPicture], mm: float) -> dict[Pose, Activation]:
    """Of every movement; nothing without a rest picture."""
    if "rest" not in pictures:
        return {}
    rest = pictures["rest"]
    return {pose: activation(p, rest, mm_per_unit=mm) for pose, p in pictures.items() if pose != "rest"}


def _status(pose: Pose, picture: SessionPicture, seen: Activation | None, numbers: FittedNumbers) -> SeenPose:
    looks: Pose | None = None if seen is None else looks_like(seen, numbers)
    region = region_shown(pose)
    if region is not None and region in picture.hidden:
        return SeenPose("covered", looks, covered_sentence(pose, region))
    if seen is None or looks is None:
        return SeenPose("used", "rest" if pose == "rest" else None, None)
    if shows_another(pose, seen, numbers) or (not is_seen(pose, seen) and looks != "rest"):
        return SeenPose("other_pose", looks, other_pose_sentence(pose, looks))
    if not is_seen(pose, seen):
        return SeenPose("not_seen", looks, not_seen_sentence(pose))
    return SeenPose("used", looks, None)


def _comparable(used: Mapping[Pose, SessionPicture]) -> dict[Pose, SessionPicture]:
    """Without the movements of regions that the rest picture hides."""
    rest = used.get("rest")
    return {pose: p for pose, p in used.items() if rest is None or region_shown(pose) not in rest.hidden}


def _side(
    probabilities: FloatArray, grade: SessionGrade | None, options: ExaminationOptions
) -> tuple[Side, float, Side]:
    """(side of the answer, its probability, the half to compare with the other)."""
    likelier: Side = "left" if probabilities[SIDES.index("left")] >= probabilities[SIDES.index("right")] else "right"
    if options.affected_side != "auto":
        given = options.affected_side
        return given, float(probabilities[SIDES.index(given)]), given
    # Without a grade there is a palsy all the same: that of both sides, and the worse one is named.
    index, probability = name_side(probabilities, grade_index=grade.index if grade else len(HOUSE_BRACKMANN) - 1)
    return SIDES[index], probability, likelier


def _patterns(findings: Findings, *, bilateral: bool) -> tuple[Pattern, ...]:
    if bilateral:
        return ("bilateral_suspected",)
    return ("forehead_spared",) if forehead_is_spared(findings) else ()
