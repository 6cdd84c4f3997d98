"""An examination of several movements -> findings. What was not made or not seen is absent with its reason."""

from __future__ import annotations

from collections.abc import Iterator

from face.palsy.assessment.measuring.measures import Measure
from face.vocabulary import HOUSE_BRACKMANN, POSES, REGIONS
from service.analysis.assessment import AssessedPicture, SessionAnalysis
from service.fhir.code_system import Codes, grade_code
from service.fhir.datatypes import Range, quantity
from service.fhir.findings import Finding, Part, Report, Value
from service.fhir.palsy import affected_side, body_site, grade_probabilities, prediction_set
from service.fhir.session_concepts import fngs_code, measure_code, movement_code, pose_code, sunnybrook_code


def session_report(analysis: SessionAnalysis, codes: Codes) -> Report:
    """Grade, side, scores, movements, measures."""
    found = analysis.examination
    grade = (
        found.grade_missing if found.grade is None else f"House-Brackmann grade {HOUSE_BRACKMANN[found.grade.index]}."
    )
    return Report(
        findings=[
            _grade(analysis, codes),
            affected_side(found.side, found.side_probability, found.side_probabilities, codes),
            *_regions(analysis),
            *_scores(analysis),
            *_poses(analysis),
            *_signs(analysis, codes),
            *(_measure(measure, codes) for measure in found.measures),
        ],
        conclusion=f"{grade} Affected side: {found.side}. {found.sentence}",
    )


def _grade(analysis: SessionAnalysis, codes: Codes) -> Finding:
    found = analysis.examination
    notes = [found.sentence, *analysis.warnings]
    if found.grade is None:
        missing = [] if found.grade_missing is None else [found.grade_missing]
        return Finding(code="house-brackmann-grade", category="survey", value="unknown", notes=[*missing, *notes])
    return Finding(
        code="house-brackmann-grade",
        category="survey",
        value=codes.concept(grade_code(HOUSE_BRACKMANN[found.grade.index])),
        body_site=body_site(found.side),
        confidence=found.grade.probability,
        parts=[
            Part(code="expected-grade", value=quantity(found.grade.expected, "{score}")),
            prediction_set(found.grade.prediction_set),
            Part(code="prediction-set-coverage", value=quantity(analysis.coverage, "1")),
            *grade_probabilities(found.grade.probabilities),
        ],
        notes=notes,
    )


def _regions(analysis: SessionAnalysis) -> Iterator[Finding]:
    found = analysis.examination
    for region in REGIONS:
        share = found.findings.regions[region]
        severity = found.grade.regions.get(region) if found.grade else None
        yield Finding(
            code=movement_code(region),
            category="exam",
            value="not-performed" if share is None else quantity(share.value, "1"),
            body_site=body_site(found.side),
            uncertainty=None
            if share is None or share.interval is None
            else quantity((share.interval[1] - share.interval[0]) / 2, "1"),
            parts=[]
            if severity is None
            else [Part(code="regional-severity", value=quantity(severity.severity, "{score}"))],
        )


def _scores(analysis: SessionAnalysis) -> Iterator[Finding]:
    found = analysis.examination
    fngs, sunnybrook, eface = found.fngs, found.sunnybrook, found.auto_eface
    yield Finding(
        code="fngs2",
        category="survey",
        value=_score(None if fngs is None else fngs.total),
        parts=[]
        if fngs is None
        else [
            _range("total-range", fngs.total_range),
            *(Part(code=fngs_code(region), value=_score(score)) for region, score in fngs.regions.items()),
            Part(code=fngs_code("secondary"), value=_score(fngs.secondary)),
        ],
    )
    yield Finding(code="movement-points", category="survey", value=_score(found.points.points_8))
    yield Finding(
        code="sunnybrook-composite",
        category="survey",
        value="unknown" if sunnybrook.composite is None else quantity(sunnybrook.composite, "{score}"),
        parts=[
            _range("total-range", sunnybrook.composite_range),
            *(Part(code=sunnybrook_code("rest", item), value=_score(n)) for item, n in sunnybrook.rest.items()),
            *(Part(code=sunnybrook_code("voluntary", p), value=_score(n)) for p, n in sunnybrook.voluntary.items()),
            *(Part(code=sunnybrook_code("synkinesis", p), value=_score(n)) for p, n in sunnybrook.synkinesis.items()),
        ],
    )
    index = sunnybrook.movement_index
    yield Finding(
        code="movement-index", category="exam", value="not-performed" if index is None else quantity(index, "%")
    )
    for part, value in (("static", eface.static), ("dynamic", eface.dynamic), ("synkinesis", eface.synkinesis)):
        yield Finding(code=f"auto-eface-{part}", category="survey", value=_score(value))


def _poses(analysis: SessionAnalysis) -> Iterator[Finding]:
    """Each movement: its share; or why there is none. Rest has no share and is only told where it is missing."""
    found = analysis.examination
    pictures: dict[str, AssessedPicture] = {one.pose: one for one in analysis.pictures if one.pose is not None}
    for pose in POSES:
        share, picture = found.findings.shares.get(pose), pictures.get(pose)
        if share is not None:
            yield Finding(code=pose_code(pose), category="exam", value=quantity(share.value, "1"))
        elif picture is None:
            yield Finding(code=pose_code(pose), category="exam", value="not-performed")
        elif picture.status != "used":
            notes = [] if picture.problem is None else [picture.problem.detail]
            yield Finding(code=pose_code(pose), category="exam", value="unknown", notes=notes)


def _signs(analysis: SessionAnalysis, codes: Codes) -> Iterator[Finding]:
    found = analysis.examination.findings
    site = body_site(found.affected)
    for pose, open_mm in found.lagophthalmos_mm.items():
        yield Finding(
            code="lagophthalmos",
            category="exam",
            value=quantity(open_mm, "mm"),
            body_site=site,
            parts=[Part(code="pose", value=codes.concept(pose_code(pose)))],
        )
    for pose, several in found.synkinesis.items():
        for one in several:
            yield Finding(
                code=f"synkinesis-{one.kind}",
                category="exam",
                value=quantity(one.value, "1" if one.kind == "ocular" else "mm"),
                body_site=site,
                parts=[
                    Part(code="pose", value=codes.concept(pose_code(pose))),
                    Part(code="synkinesis-grade", value=_score(one.grade)),
                ],
            )


def _measure(measure: Measure, codes: Codes) -> Finding:
    return Finding(
        code=measure_code(measure.id),
        category="exam",
        value=quantity(measure.value, measure.unit),
        body_site=body_site(measure.side),
        uncertainty=quantity(2 * measure.u, measure.unit),
        parts=[Part(code="pose", value=codes.concept(pose_code(measure.pose)))],
        notes=[] if measure.reliable else ["The uncertainty is large beside what healthy people move."],
    )


def _score(value: float | None) -> Value:
    return "not-performed" if value is None else quantity(value, "{score}")


def _range(code: str, limits: tuple[int, int]) -> Part:
    return Part(code=code, value=Range(low=quantity(limits[0], "{score}"), high=quantity(limits[1], "{score}")))
