"""The data types of FHIR R4 (https://hl7.org/fhir/R4/datatypes.html) that are written here, frozen and strict.

Only what is used is here: each model is a subset of HL7's, so what it accepts is valid there too.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

Text = Annotated[str, Field(min_length=1)]
Code = Annotated[str, Field(pattern=r"^[^\s]+(\s[^\s]+)*$")]
Uri = Annotated[str, Field(pattern=r"^\S+$")]
# To the second and with a zone, as `instant` and a full `dateTime` want it.
Instant = Annotated[
    AwareDatetime, PlainSerializer(lambda moment: moment.isoformat(timespec="seconds"), return_type=str)
]
# Six digits are more than any figure here is good for, and keep the noise of binary fractions out.
Decimal = Annotated[
    float, PlainSerializer(lambda value: round(value, 6), return_type=float), Field(allow_inf_nan=False)
]


class FhirModel(BaseModel):
    """Written in HL7's camelCase, without what is not there."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    def to_json(self) -> str:
        return self.model_dump_json(by_alias=True, exclude_none=True)


class Coding(FhirModel):
    system: Uri
    code: Code
    display: Text | None = None


class CodeableConcept(FhirModel):
    coding: tuple[Coding, ...] | None = None
    text: Text | None = None


class Quantity(FhirModel):
    """In a unit of UCUM (https://ucum.org)."""

    value: Decimal
    unit: Text
    system: Literal["http://unitsofmeasure.org"] = "http://unitsofmeasure.org"
    code: Code


class Range(FhirModel):
    low: Quantity
    high: Quantity


class Identifier(FhirModel):
    type: CodeableConcept | None = None
    system: Uri
    value: Text


class Reference(FhirModel):
    """To an entry of the same Bundle, to what the caller named, or by identifier."""

    reference: Uri | None = None
    identifier: Identifier | None = None
    display: Text | None = None


class Extension(FhirModel):
    url: Uri
    value_decimal: Decimal


class Meta(FhirModel):
    security: tuple[Coding, ...]


class Annotation(FhirModel):
    text: Text


UNITS = {
    "mm": "mm",
    "mm2": "mm²",
    "deg": "deg",
    "%": "%",
    "{score}": "score",
    "1": "1",
    "s": "s",
    "mm/s": "mm/s",
    "/min": "/min",
}


def quantity(value: float, code: str) -> Quantity:
    """code: of UCUM, one of UNITS. Raises KeyError for another one."""
    return Quantity(value=value, unit=UNITS[code], code=code)


def sha256_identifier(digest: str) -> Identifier:
    """A file by its hash, as a URN."""
    return Identifier(system="urn:ietf:rfc:3986", value=f"urn:hash::sha256:{digest}")
