"""The local code system: what is measured and answered here, in the words of this service.

SNOMED CT and LOINC are not used by themselves: SNOMED's codes need a licence and an id was verified for one grade only;
LOINC 70189-6 is the facial palsy item of the NIH stroke scale (0-3), which is another scale and must not be mapped.
"""

from __future__ import annotations

from collections.abc import Mapping

from face.vocabulary import HOUSE_BRACKMANN, REGIONS, SIDES
from service.fhir.datatypes import CodeableConcept, Coding
from service.fhir.resources import CodeSystem, CodeSystemConcept
from service.fhir.session_concepts import SESSION_CONCEPTS

SYSTEM = "urn:htnet-clinical:facial-palsy"
# Of the code system, apart from the service's: raised where a code comes or a meaning changes.
VERSION = "1.1.0"
SNOMED_CT = "http://snomed.info/sct"

_HOUSE_BRACKMANN_MEANING = (
    "Normal function.",
    "Mild dysfunction.",
    "Moderate dysfunction.",
    "Moderately severe dysfunction.",
    "Severe dysfunction.",
    "Total paralysis.",
)


def grade_code(grade: str) -> str:
    """Of a House-Brackmann grade I to VI."""
    return f"house-brackmann-{grade.lower()}"


def probability_code(of: str) -> str:
    return f"probability-{of}"


def side_code(side: str) -> str:
    return f"side-{side}"


def region_code(region: str) -> str:
    return f"asymmetry-{region}"


# Code -> display, definition.
CONCEPTS: Mapping[str, tuple[str, str]] = {
    "facial-palsy-report": (
        "Facial palsy assessment by an image model",
        "What a model of this service found in photographs of a face. Preliminary until a clinician signs it.",
    ),
    "house-brackmann-grade": (
        "House-Brackmann grade",
        "Grade I to VI of facial nerve function after House and Brackmann (1985), estimated from photographs.",
    ),
    **{
        grade_code(grade): (f"House-Brackmann grade {grade}", meaning)
        for grade, meaning in zip(HOUSE_BRACKMANN, _HOUSE_BRACKMANN_MEANING, strict=True)
    },
    "severity-grade": (
        "Severity grade of a model's own scale",
        "A grade of the scale that the model's training data used; its name is in the text, mildest first is 1.",
    ),
    "expected-grade": (
        "Expected grade",
        "Mean of the grade's number, counted from 1, under the model's probabilities.",
    ),
    "prediction-set": (
        "Prediction set of grades",
        "Neighbouring grades, by number, that hold the true grade in the stated share of photographs like those of the "
        "calibration.",
    ),
    "prediction-set-coverage": (
        "Coverage of the prediction set",
        "The share of true grades that the set aims to hold.",
    ),
    **{
        probability_code(grade_code(grade)): (
            f"Probability of House-Brackmann grade {grade}",
            "The model's calibrated probability.",
        )
        for grade in HOUSE_BRACKMANN
    },
    "affected-side": ("Affected side of the face", "The patient's side, in agreement with the grade."),
    **{
        side_code(side): (
            {"left": "Left side", "right": "Right side", "none": "No side"}[side],
            "The patient's own side." if side != "none" else "The model names no side.",
        )
        for side in SIDES
    },
    **{
        probability_code(side_code(side)): (f"Probability of the side: {side}", "Before agreement with the grade.")
        for side in SIDES
    },
    "asymmetry-score": (
        "Asymmetry of the face",
        "Mean of the regions' asymmetry: 0 is even, 1 as uneven as a complete palsy makes it.",
    ),
    **{
        region_code(region): (f"Asymmetry: {region}", "0 is even, 1 as uneven as a complete palsy makes it.")
        for region in REGIONS
    },
    **SESSION_CONCEPTS,
    "expanded-uncertainty": (
        "Expanded uncertainty (k=2)",
        "Half the width of the interval around the value, two standard uncertainties.",
    ),
}


class Codes:
    """Concepts of the local code system, each followed by the SNOMED CT concept that the settings map it to."""

    def __init__(self, snomed_ct: Mapping[str, str] | None = None) -> None:
        """snomed_ct: local code -> SNOMED CT id. Raises ValueError for a code that there is not."""
        self._snomed_ct = dict(snomed_ct or {})
        unknown = self._snomed_ct.keys() - CONCEPTS.keys()
        if unknown:
            raise ValueError(f"{min(unknown)!r} is no code of {SYSTEM}; see docs/fhir/CodeSystem-facial-palsy.json")

    def concept(self, code: str, *, text: str | None = None) -> CodeableConcept:
        """Raises KeyError for a code that there is not."""
        display = CONCEPTS[code][0]
        coding = [Coding(system=SYSTEM, code=code, display=display)]
        if code in self._snomed_ct:
            coding.append(Coding(system=SNOMED_CT, code=self._snomed_ct[code]))
        return CodeableConcept(coding=tuple(coding), text=text or display)


def code_system() -> CodeSystem:
    """The code system as a resource."""
    return CodeSystem(
        id="facial-palsy",
        url=SYSTEM,
        version=VERSION,
        name="HtnetClinicalFacialPalsy",
        title="Facial palsy findings of htnet-clinical",
        publisher="the htnet-clinical authors",
        description="Scores, sides and measures of a face, as an image model asserts them. For research and "
        "documentation; not a medical device.",
        count=len(CONCEPTS),
        concept=tuple(
            CodeSystemConcept(code=code, display=display, definition=definition)
            for code, (display, definition) in CONCEPTS.items()
        ),
    )
