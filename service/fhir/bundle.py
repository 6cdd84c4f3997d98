"""A report -> a collection Bundle: Device, an Observation for each finding, DiagnosticReport, Provenance.

Everything but the device is labelled as asserted by a machine (AIAST) and preliminary until a clinician signs it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self, TypedDict

from service.analysis.models import AnyModel
from service.fhir.code_system import Codes
from service.fhir.datatypes import (
    Annotation,
    CodeableConcept,
    Coding,
    Extension,
    Identifier,
    Meta,
    Quantity,
    Range,
    Reference,
    sha256_identifier,
)
from service.fhir.findings import Finding, Interpretation, Part, Report, Value
from service.fhir.resources import (
    Bundle,
    BundleEntry,
    Device,
    DeviceName,
    DeviceVersion,
    DiagnosticReport,
    Observation,
    ObservationComponent,
    Provenance,
    ProvenanceAgent,
    ProvenanceEntity,
)

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
ASSERTED_BY_AI = Coding(
    system=f"{_TERMINOLOGY}/v3-ObservationValue", code="AIAST", display="Artificial Intelligence asserted"
)
# AI Transparency on FHIR is in ballot: codes and the extension may still be renamed.
_TRANSPARENCY = "http://hl7.org/fhir/uv/aitransparency"
ARTIFICIAL_INTELLIGENCE = CodeableConcept(
    coding=(Coding(system=f"{_TRANSPARENCY}/CodeSystem/AIdeviceTypeCS", code="Artificial-Intelligence"),),
    text="Artificial Intelligence",
)
CONFIDENCE_URL = f"{_TRANSPARENCY}/StructureDefinition/AIconfidence"
_LABELLED = Meta(security=(ASSERTED_BY_AI,))


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """Of whom and when, as the caller says, and when the answer was made. sources: what it was made from."""

    subject: str | None
    effective: datetime | None
    issued: datetime
    sources: Sequence[Identifier]


@dataclass(frozen=True, kw_only=True)
class Maker:
    """The model that the findings are by."""

    name: str
    version: str
    sha256: str
    intended_use: str
    training_data: str

    @classmethod
    def of(cls, model: AnyModel) -> Self:
        manifest = model.bundle.manifest
        return cls(
            name=manifest.name,
            version=manifest.version,
            sha256=model.sha256,
            intended_use=manifest.intended_use,
            training_data=manifest.training_data,
        )


def bundle_of(report: Report, occasion: Occasion, *, maker: Maker, codes: Codes) -> Bundle:
    """Every reference but the subject's leads to an entry of the Bundle."""
    device = _entry(_device(maker))
    observations = [_entry(_observation(finding, occasion, codes, device)) for finding in report.findings]
    conclusion = _entry(
        DiagnosticReport(
            meta=_LABELLED,
            code=codes.concept(report.code),
            result=tuple(_to(entry) for entry in observations),
            conclusion=report.conclusion,
            **_when_and_who(occasion),
        )
    )
    provenance = _entry(
        Provenance(
            meta=_LABELLED,
            target=tuple(_to(entry) for entry in (*observations, conclusion)),
            recorded=occasion.issued,
            reason=(CodeableConcept(coding=(ASSERTED_BY_AI,)),),
            agent=(
                ProvenanceAgent(
                    type=CodeableConcept(
                        coding=(Coding(system=f"{_TERMINOLOGY}/provenance-participant-type", code="author"),)
                    ),
                    role=(ARTIFICIAL_INTELLIGENCE,),
                    who=_to(device),
                ),
            ),
            entity=tuple(ProvenanceEntity(what=Reference(identifier=source)) for source in occasion.sources),
        )
    )
    return Bundle(
        meta=_LABELLED,
        identifier=Identifier(system="urn:ietf:rfc:3986", value=uuid.uuid4().urn),
        timestamp=occasion.issued,
        entry=(device, *observations, conclusion, provenance),
    )


class _WhenAndWho(TypedDict):
    subject: Reference | None
    effective_date_time: datetime | None
    issued: datetime


def _when_and_who(occasion: Occasion) -> _WhenAndWho:
    return {
        "subject": None if occasion.subject is None else Reference(reference=occasion.subject),
        "effective_date_time": occasion.effective,
        "issued": occasion.issued,
    }


def _entry(resource: Device | Observation | DiagnosticReport | Provenance) -> BundleEntry:
    return BundleEntry(full_url=uuid.uuid4().urn, resource=resource)


def _to(entry: BundleEntry) -> Reference:
    return Reference(reference=entry.full_url)


def _device(maker: Maker) -> Device:
    return Device(
        identifier=(sha256_identifier(maker.sha256),),
        device_name=(DeviceName(name=maker.name, type="model-name"),),
        type=ARTIFICIAL_INTELLIGENCE,
        version=(DeviceVersion(value=maker.version),),
        note=tuple(
            Annotation(text=text)
            for text in (
                "Not a medical device.",
                f"Intended use: {maker.intended_use}",
                f"Training data: {maker.training_data}",
            )
        ),
    )


class _Valued(TypedDict, total=False):
    value_quantity: Quantity
    value_codeable_concept: CodeableConcept
    value_range: Range
    data_absent_reason: CodeableConcept


def _valued(value: Value) -> _Valued:
    if isinstance(value, Quantity):
        return {"value_quantity": value}
    if isinstance(value, CodeableConcept):
        return {"value_codeable_concept": value}
    if isinstance(value, Range):
        return {"value_range": value}
    reason = Coding(system=f"{_TERMINOLOGY}/data-absent-reason", code=value)
    return {"data_absent_reason": CodeableConcept(coding=(reason,))}


# Of v3-ObservationInterpretation; what is no change has a word of our own, because that system has none.
_INTERPRETATIONS: Mapping[Interpretation, str] = {"better": "B", "worse": "W", "up": "U", "down": "D"}


def _interpretation(meaning: Interpretation, codes: Codes) -> CodeableConcept:
    if meaning not in _INTERPRETATIONS:
        return codes.concept(meaning)
    return CodeableConcept(
        coding=(Coding(system=f"{_TERMINOLOGY}/v3-ObservationInterpretation", code=_INTERPRETATIONS[meaning]),),
        text=meaning,
    )


def _observation(finding: Finding, occasion: Occasion, codes: Codes, device: BundleEntry) -> Observation:
    parts = list(finding.parts)
    if finding.uncertainty is not None:
        parts.append(Part(code="expanded-uncertainty", value=finding.uncertainty))
    category = Coding(system=f"{_TERMINOLOGY}/observation-category", code=finding.category)
    return Observation(
        meta=_LABELLED,
        extension=None
        if finding.confidence is None
        else (Extension(url=CONFIDENCE_URL, value_decimal=finding.confidence),),
        category=(CodeableConcept(coding=(category,)),),
        code=codes.concept(finding.code),
        interpretation=None if finding.interpretation is None else (_interpretation(finding.interpretation, codes),),
        body_site=None if finding.body_site is None else codes.concept(finding.body_site),
        device=_to(device),
        note=tuple(Annotation(text=text) for text in finding.notes) or None,
        component=tuple(ObservationComponent(code=codes.concept(part.code), **_valued(part.value)) for part in parts)
        or None,
        **_valued(finding.value),
        **_when_and_who(occasion),
    )
