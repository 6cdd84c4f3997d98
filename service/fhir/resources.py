"""The resources of FHIR R4 that are written here; words of required bindings are literals, invariants are checked."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from service.fhir.datatypes import (
    Annotation,
    Code,
    CodeableConcept,
    Extension,
    FhirModel,
    Identifier,
    Instant,
    Meta,
    Quantity,
    Range,
    Reference,
    Text,
    Uri,
)


class _Valued(FhirModel):
    """Either one value, or the reason why there is none (obs-6)."""

    code: CodeableConcept
    value_quantity: Quantity | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_range: Range | None = None
    data_absent_reason: CodeableConcept | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        given = [
            name
            for name in ("value_quantity", "value_codeable_concept", "value_range", "data_absent_reason")
            if getattr(self, name) is not None
        ]
        if len(given) != 1:
            raise ValueError(f"{self.code.text!r} needs one value or the reason why there is none, got {given}")
        return self


class ObservationComponent(_Valued):
    extension: tuple[Extension, ...] | None = None


class Observation(_Valued):
    resource_type: Literal["Observation"] = "Observation"
    meta: Meta
    extension: tuple[Extension, ...] | None = None
    status: Literal["preliminary"] = "preliminary"
    category: Annotated[tuple[CodeableConcept, ...], Field(min_length=1)]
    subject: Reference | None = None
    effective_date_time: Instant | None = None
    issued: Instant
    interpretation: tuple[CodeableConcept, ...] | None = None
    body_site: CodeableConcept | None = None
    device: Reference
    note: tuple[Annotation, ...] | None = None
    component: tuple[ObservationComponent, ...] | None = None

    @model_validator(mode="after")
    def _parts_differ_from_the_whole(self) -> Self:
        """obs-7."""
        if any(part.code == self.code for part in self.component or ()):
            raise ValueError(f"a component has the observation's own code {self.code.text!r}")
        return self


class DeviceName(FhirModel):
    name: Text
    type: Literal["manufacturer-name", "model-name", "user-friendly-name"]


class DeviceVersion(FhirModel):
    value: Text


class Device(FhirModel):
    resource_type: Literal["Device"] = "Device"
    identifier: tuple[Identifier, ...]
    status: Literal["active"] = "active"
    device_name: tuple[DeviceName, ...]
    type: CodeableConcept
    version: tuple[DeviceVersion, ...]
    note: tuple[Annotation, ...]


class DiagnosticReport(FhirModel):
    resource_type: Literal["DiagnosticReport"] = "DiagnosticReport"
    meta: Meta
    status: Literal["preliminary"] = "preliminary"
    code: CodeableConcept
    subject: Reference | None = None
    effective_date_time: Instant | None = None
    issued: Instant
    result: Annotated[tuple[Reference, ...], Field(min_length=1)]
    conclusion: Text


class ProvenanceAgent(FhirModel):
    type: CodeableConcept
    role: tuple[CodeableConcept, ...]
    who: Reference


class ProvenanceEntity(FhirModel):
    role: Literal["source"] = "source"
    what: Reference


class Provenance(FhirModel):
    resource_type: Literal["Provenance"] = "Provenance"
    meta: Meta
    target: Annotated[tuple[Reference, ...], Field(min_length=1)]
    recorded: Instant
    reason: tuple[CodeableConcept, ...]
    agent: Annotated[tuple[ProvenanceAgent, ...], Field(min_length=1)]
    entity: Annotated[tuple[ProvenanceEntity, ...], Field(min_length=1)]


Resource = Annotated[Device | Observation | DiagnosticReport | Provenance, Field(discriminator="resource_type")]


class BundleEntry(FhirModel):
    full_url: Annotated[str, Field(pattern=r"^urn:uuid:[0-9a-f-]{36}$")]
    resource: Resource


class Bundle(FhirModel):
    resource_type: Literal["Bundle"] = "Bundle"
    meta: Meta
    identifier: Identifier
    type: Literal["collection"] = "collection"
    timestamp: Instant
    entry: tuple[BundleEntry, ...]


class CodeSystemConcept(FhirModel):
    code: Code
    display: Text
    definition: Text


class CodeSystem(FhirModel):
    resource_type: Literal["CodeSystem"] = "CodeSystem"
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9\-.]{1,64}$")]
    url: Uri
    version: Text
    name: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9_]{0,254}$")]
    title: Text
    status: Literal["active"] = "active"
    experimental: Literal[True] = True
    publisher: Text
    description: Text
    case_sensitive: Literal[True] = True
    content: Literal["complete"] = "complete"
    count: int
    concept: tuple[CodeSystemConcept, ...]
