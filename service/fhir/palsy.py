"""One photograph's analysis -> findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from face.probability import FloatArray
from face.vocabulary import HOUSE_BRACKMANN, SIDES, Region, Side
from service.analysis.palsy import PalsyAnalysis
from service.fhir.code_system import Codes, grade_code, probability_code, region_code, side_code
from service.fhir.datatypes import CodeableConcept, Range, quantity
from service.fhir.findings import Finding, Part, Report, Value

SINGLE_PHOTOGRAPH = (
    "An estimate from one photograph. The scale is defined on movement, which a photograph does not show."
)


def palsy_report(analysis: PalsyAnalysis, codes: Codes) -> Report:
    """Grade, affected side, asymmetry."""
    reading = analysis.reading
    scale = "Grade" if analysis.house_brackmann is None else "House-Brackmann grade"
    return Report(
        findings=[
            _grade(analysis, codes),
            affected_side(reading.side, reading.side_probability, reading.side_probabilities, codes),
            asymmetry(analysis.score, analysis.regional),
        ],
        conclusion=f"{scale} {analysis.label}; affected side: {reading.side}. {SINGLE_PHOTOGRAPH}",
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
    notes = [SINGLE_PHOTOGRAPH, *analysis.warnings]
    numbers = [
        Part(code="expected-grade", value=quantity(reading.expected, "{score}")),
        prediction_set(reading.prediction_set),
        Part(code="prediction-set-coverage", value=quantity(analysis.coverage, "1")),
    ]
    if analysis.house_brackmann is None:
        return Finding(
            code="severity-grade",
            category="survey",
            value=CodeableConcept(text=analysis.label),
            body_site=body_site(reading.side),
            confidence=reading.probability,
            parts=numbers,
            notes=notes,
        )
    return Finding(
        code="house-brackmann-grade",
        category="survey",
        value=codes.concept(grade_code(analysis.label)),
        body_site=body_site(reading.side),
        confidence=reading.probability,
        parts=[*numbers, *grade_probabilities(reading.probabilities)],
        notes=notes,
    )


def prediction_set(indices: Sequence[int]) -> Part:
    """indices: from 0, neighbours."""
    low, high = min(indices) + 1, max(indices) + 1
    return Part(code="prediction-set", value=Range(low=quantity(low, "{score}"), high=quantity(high, "{score}")))


def grade_probabilities(probabilities: FloatArray) -> list[Part]:
    """Of House-Brackmann I to VI."""
    return [
        Part(code=probability_code(grade_code(grade)), value=quantity(float(probability), "1"))
        for grade, probability in zip(HOUSE_BRACKMANN, probabilities, strict=True)
    ]


def affected_side(side: Side, probability: float, probabilities: FloatArray, codes: Codes) -> Finding:
    """probabilities: in the order of SIDES."""
    return Finding(
        code="affected-side",
        category="exam",
        value=codes.concept(side_code(side)),
        confidence=probability,
        parts=[
            Part(code=probability_code(side_code(name)), value=quantity(float(share), "1"))
            for name, share in zip(SIDES, probabilities, strict=True)
        ],
    )


def body_site(side: Side | None) -> str | None:
    """Code of a side; None where there is none."""
    return None if side in (None, "none") else side_code(side)


def _share(value: float | None) -> Value:
    return "unknown" if value is None else quantity(value, "1")
