"""Two examinations compared -> findings: each change with both values and what it would have to exceed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from face.palsy.assessment.comparison import Change, Comparison
from face.vocabulary import REGIONS
from service.fhir.code_system import Codes
from service.fhir.datatypes import quantity
from service.fhir.findings import Finding, Interpretation, Part, Report
from service.fhir.session_concepts import change_code, measure_code, movement_code, pose_code

_SCORES: Mapping[str, tuple[str, str]] = {
    "expected_grade": ("expected-grade", "{score}"),
    "sunnybrook": ("sunnybrook-composite", "{score}"),
    "movement_index": ("movement-index", "%"),
}


def comparison_report(comparison: Comparison, units: Mapping[str, str], codes: Codes) -> Report:
    """units: UCUM code of each measure that is compared."""
    verdicts = Counter(change.verdict for change in comparison.changes)
    said = (
        f"Better: {verdicts['better']}; worse: {verdicts['worse']}; changed, with no better direction: "
        f"{verdicts['changed']}; no more than noise: {verdicts['within_noise']}; "
        f"smallest detectable change not known: {verdicts[None]}."
    )
    grades = "may be" if comparison.grades_overlap else "is not"
    return Report(
        code="comparison-report",
        findings=[_change(change, units, codes) for change in comparison.changes],
        conclusion=" ".join([said, f"The grade {grades} the same.", *comparison.warnings]),
    )


def _change(change: Change, units: Mapping[str, str], codes: Codes) -> Finding:
    code, unit, pose, side = _named(change.figure, units)
    parts = [
        *([] if pose is None else [Part(code="pose", value=codes.concept(pose_code(pose)))]),
        Part(code="value-before", value=quantity(change.before, unit)),
        Part(code="value-after", value=quantity(change.after, unit)),
    ]
    if change.sdc95 is not None:
        parts.append(Part(code="smallest-detectable-change", value=quantity(change.sdc95, unit)))
    return Finding(
        code=change_code(code),
        category="survey" if unit == "{score}" else "exam",
        value=quantity(change.delta, unit),
        body_site=None if side in (None, "both") else f"side-{side}",
        interpretation=_interpretation(change),
        parts=parts,
    )


def _named(figure: str, units: Mapping[str, str]) -> tuple[str, str, str | None, str | None]:
    """(code, unit, pose, side) of a figure as `Followed` names it."""
    if figure in _SCORES:
        return *_SCORES[figure], None, None
    first, *rest = figure.split(".")
    if first == "share":
        (name,) = rest
        return (movement_code(name) if name in REGIONS else pose_code(name)), "1", None, None
    pose, side = rest
    return measure_code(first), units[first], pose, side


def _interpretation(change: Change) -> Interpretation | None:
    if change.verdict == "changed":
        return "up" if change.delta > 0 else "down"
    return "within-noise" if change.verdict == "within_noise" else change.verdict
