"""What an analysis found, before it is written as resources: each analysis has a function that makes these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.fhir.datatypes import CodeableConcept, Quantity, Range

# Of http://terminology.hl7.org/CodeSystem/data-absent-reason. not-performed: the movement was not made or no picture of
# it was sent. unknown: the place could not be seen.
Absent = Literal["not-performed", "unknown"]
# survey: a score of a scale. exam: a measure.
Category = Literal["survey", "exam"]
# What a change means. up, down: more than noise, with no better direction.
Interpretation = Literal["better", "worse", "up", "down", "within-noise"]
Value = Quantity | CodeableConcept | Range | Absent


@dataclass(frozen=True, kw_only=True)
class Part:
    """A component. code: of the code system."""

    code: str
    value: Value


@dataclass(frozen=True, kw_only=True)
class Finding:
    """An observation. code: of the code system. body_site: code of a side. confidence: probability of the value.
    uncertainty: expanded (k=2), in the value's unit."""

    code: str
    category: Category
    value: Value
    body_site: str | None = None
    confidence: float | None = None
    interpretation: Interpretation | None = None
    uncertainty: Quantity | None = None
    parts: Sequence[Part] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Report:
    """All findings of a request. code: of the report. conclusion: a sentence."""

    code: str = "facial-palsy-report"
    findings: Sequence[Finding]
    conclusion: str
