"""One photograph's analysis -> findings."""

from __future__ import annotations

from collections.abc import Mapping

from face.vocabulary import SIDES, Region
from service.analysis.palsy import PalsyAnalysis
from service.fhir.code_system import Codes, grade_code, probability_code, region_code, side_code
from service.fhir.datatypes import CodeableConcept, Range, quantity
from service.fhir.findings import Finding, Part, Report, Value

SINGLE_PHOTOGRAPH = (
    "An estimate from one photograph. The scale is defined on movement, which a photograph does not show."
)


def palsy_report(analysis: PalsyAnalysis, codes: Codes) -> Report:
    """Grade, affected side, asymmetry."""
    scale = "Grade" if analysis.house_brackmann is None else "House-Brackmann grade"
    return Report(
        findings=[_grade(analysis, codes), _side(analysis, codes), asymmetry(analysis.score, analysis.regional)],
        conclusion=f"{scale} {analysis.label}; affected side: {analysis.reading.side}. {SINGLE_PHOTOGRAPH}",
    )


def asymmetry(score: float | None, regions: Mapping[Region, float | None]) -> Finding:
    """None: not seen."""
    return Finding(
        code="asymmetry-score",
        category="exam",
        value=_share(score),
        parts=[Part(code=region_code(region), value=_share(value)) for region, value in regions.items()],
    )


def _grade(analysis: PalsyAnalysis, codes: Codes) -> Finding:
    reading = analysis.reading
    known = analysis.house_brackmann is not None
    numbers = [index + 1 for index in reading.prediction_set]
    parts = [
        Part(code="expected-grade", value=quantity(reading.expected, "{score}")),
        Part(
            code="prediction-set",
            value=Range(low=quantity(min(numbers), "{score}"), high=quantity(max(numbers), "{score}")),
        ),
        Part(code="prediction-set-coverage", value=quantity(analysis.coverage, "1")),
    ]
    if known:
        parts += [
            Part(code=probability_code(grade_code(label)), value=quantity(float(probability), "1"))
            for label, probability in zip(analysis.labels, reading.probabilities, strict=True)
        ]
    side = reading.side
    return Finding(
        code="house-brackmann-grade" if known else "severity-grade",
        category="survey",
        value=codes.concept(grade_code(analysis.label)) if known else CodeableConcept(text=analysis.label),
        body_site=None if side == "none" else side_code(side),
        confidence=reading.probability,
        parts=parts,
        notes=[SINGLE_PHOTOGRAPH, *analysis.warnings],
    )


def _side(analysis: PalsyAnalysis, codes: Codes) -> Finding:
    reading = analysis.reading
    return Finding(
        code="affected-side",
        category="exam",
        value=codes.concept(side_code(reading.side)),
        confidence=reading.side_probability,
        parts=[
            Part(code=probability_code(side_code(side)), value=quantity(float(probability), "1"))
            for side, probability in zip(SIDES, reading.side_probabilities, strict=True)
        ],
    )


def _share(value: float | None) -> Value:
    return "unknown" if value is None else quantity(value, "1")
