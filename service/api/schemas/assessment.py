"""The answer of POST /v1/palsy/assess."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ConfigDict

from face.palsy.assessment.examination import Examination
from face.palsy.assessment.measuring.scale import Scale
from face.palsy.assessment.patterns import Pattern
from face.vocabulary import HOUSE_BRACKMANN, POSES, REGIONS, SIDES, HouseBrackmann, Pose, Region
from service.analysis.assessment import AssessedPicture, SessionAnalysis
from service.analysis.models import AnyModel
from service.api.schemas.assessment_parts import (
    AssessedPose,
    AutoEfaceAnswer,
    DecisionStepAnswer,
    Fngs2,
    MeasureAnswer,
    Points,
    RegionalMovement,
    SameFaceAnswer,
    ScaleAnswer,
    SessionEvidence,
    SessionMethod,
    Share,
    SunnybrookAnswer,
    SynkinesisAnswer,
)
from service.api.schemas.palsy import AffectedSide, Grade, RegionOutline, RoiMap
from service.api.schemas.shared import ModelIdentity, Picture, Probability, QualityFigures, RequestId, Schema, timings

EXAMPLE = Path(__file__).with_name("assessment_example.json")


class AssessmentAnswer(Schema):
    """An examination from several photographs. Sides are the patient's. What was not seen is null, never filled in.

    grade: null where both sides are weak (`grade_missing` says so). rule_grade: by the decision path, rules on
    measures alone, beside the network's. unsorted: pictures without a name that stand for no movement.
    """

    model_config = ConfigDict(
        frozen=True,
        protected_namespaces=(),
        json_schema_extra=lambda schema: schema.update(examples=[json.loads(EXAMPLE.read_text(encoding="utf-8"))]),
    )

    request_id: RequestId
    model: ModelIdentity
    session_method: SessionMethod
    evidence: SessionEvidence
    grade: Grade | None
    grade_missing: str | None
    probabilities: dict[HouseBrackmann, Probability] | None
    decision_path: list[DecisionStepAnswer]
    rule_grade: HouseBrackmann | None
    affected_side: AffectedSide
    patterns: list[Pattern]
    regional_movement: dict[Region, RegionalMovement]
    population_shares: dict[Literal["left", "right"], dict[Region, float]] | None
    pose_shares: dict[Pose, Share]
    fngs2: Fngs2 | None
    points: Points
    sunnybrook: SunnybrookAnswer
    auto_eface: AutoEfaceAnswer
    synkinesis: list[SynkinesisAnswer]
    lagophthalmos_mm: dict[Pose, float]
    scale: ScaleAnswer | None
    measures: list[MeasureAnswer]
    same_face: SameFaceAnswer
    poses: dict[Pose, AssessedPose]
    unsorted: list[AssessedPose]
    warnings: list[str]
    timings_ms: dict[str, float]

    @classmethod
    def of(cls, analysis: SessionAnalysis, *, model: AnyModel, request_id: str) -> Self:
        return cls.model_validate(assessment_fields(analysis, model=model, request_id=request_id))


def assessment_fields(analysis: SessionAnalysis, *, model: AnyModel, request_id: str) -> dict[str, Any]:
    """Those of AssessmentAnswer."""
    return {
        "request_id": request_id,
        "model": ModelIdentity.of(model),
        "session_method": vars(analysis.examination.method),
        "warnings": list(analysis.warnings),
        "timings_ms": timings(analysis.timings_ms),
        **_grading(analysis),
        **_scores(analysis.examination),
        **_pictures(analysis),
    }


def _grading(analysis: SessionAnalysis) -> dict[str, Any]:
    found = analysis.examination
    grade = found.grade
    status = {pose: seen.status for pose, seen in found.poses.items()}
    return {
        "evidence": {
            "class": found.evidence,
            "used": [pose for pose in POSES if status.get(pose) == "used"],
            "missing": [pose for pose in POSES if pose not in status],
            "not_seen": [pose for pose in POSES if status.get(pose) in ("covered", "not_seen", "other_pose")],
            "reference": found.reference,
            "sentence": found.sentence,
        },
        "grade": None
        if grade is None
        else {
            "house_brackmann": HOUSE_BRACKMANN[grade.index],
            "label": HOUSE_BRACKMANN[grade.index],
            "index": grade.index + 1,
            "probability": grade.probability,
            "expected": grade.expected,
            "prediction_set": [HOUSE_BRACKMANN[index] for index in grade.prediction_set],
            "coverage": analysis.coverage,
        },
        "grade_missing": found.grade_missing,
        "probabilities": None
        if grade is None
        else dict(zip(HOUSE_BRACKMANN, (float(p) for p in grade.probabilities), strict=True)),
        "decision_path": [vars(step) for step in found.decision_path],
        "rule_grade": found.rule_grade,
        "affected_side": {
            "side": found.side,
            "probability": found.side_probability,
            "probabilities": dict(zip(SIDES, (float(p) for p in found.side_probabilities), strict=True)),
        },
        "patterns": found.patterns,
    }


def _scores(found: Examination) -> dict[str, Any]:
    findings = found.findings
    return {
        "regional_movement": {region: _region(found, region) for region in REGIONS},
        "population_shares": found.by_population,
        "pose_shares": {pose: share.value for pose, share in findings.shares.items()},
        "fngs2": None
        if found.fngs is None
        else {name: getattr(found.fngs, name) for name in ("total", "total_range", "secondary", "grade")},
        "points": vars(found.points),
        "sunnybrook": vars(found.sunnybrook),
        "auto_eface": vars(found.auto_eface),
        "synkinesis": [
            {
                "pose": pose,
                "kind": one.kind,
                "value": one.value,
                "unit": "1" if one.kind == "ocular" else "mm",
                "grade": one.grade,
            }
            for pose, several in findings.synkinesis.items()
            for one in several
        ],
        "lagophthalmos_mm": findings.lagophthalmos_mm,
        "scale": None if found.scale is None else _scale(found.scale),
        "measures": [
            {
                **vars(measure),
                "interval": (measure.value - 2 * measure.u, measure.value + 2 * measure.u),
                "scale_free": measure.scale_free,
                "reliable": measure.reliable,
            }
            for measure in found.measures
        ],
        "same_face": {
            "result": "unknown"
            if found.same_face is None
            else "doubtful"
            if found.same_face.doubtful
            else "consistent",
            "farthest": found.same_face.farthest if found.same_face else None,
        },
    }


def _region(found: Examination, region: Region) -> dict[str, Any]:
    share = found.findings.regions[region]
    reading = found.grade.regions.get(region) if found.grade else None
    poses = {*(share.poses if share else ()), *(reading.poses if reading else ())}
    return {
        "share": share.value if share else None,
        "interval": share.interval if share else None,
        "over_active": share.over_active if share else False,
        "poses": [pose for pose in POSES if pose in poses],
        "severity": reading.severity if reading else None,
        "severity_interval": reading.interval if reading else None,
        "fngs": found.fngs.regions[region] if found.fngs else None,
    }


def _scale(scale: Scale) -> dict[str, Any]:
    return {
        "mm_per_iod": scale.mm_per_iod,
        "relative_u": scale.relative_u,
        "source": scale.source,
        "pictures": scale.pictures,
    }


def _pictures(analysis: SessionAnalysis) -> dict[str, Any]:
    return {
        "poses": {picture.pose: _picture(picture) for picture in analysis.pictures if picture.pose is not None},
        "unsorted": [_picture(picture) for picture in analysis.pictures if picture.pose is None],
    }


def _picture(picture: AssessedPicture) -> dict[str, Any]:
    analysis = picture.analysis
    answer: dict[str, Any] = {
        "sent_as": picture.sent_as,
        "status": picture.status,
        "looks_like": picture.looks_like,
        "problem": None if picture.problem is None else vars(picture.problem),
        "grade": None,
        "quality": None,
        "regions": [],
        "heatmap": None,
        "roi_maps": None,
    }
    if analysis is not None:
        answer |= {
            "grade": Grade.of(analysis),
            "quality": QualityFigures.of(analysis.quality, analysis.warnings),
            "regions": RegionOutline.all_of(analysis),
            "heatmap": None if analysis.heatmap is None else Picture.of(analysis.heatmap),
            "roi_maps": RoiMap.all_of(analysis),
        }
    return answer
