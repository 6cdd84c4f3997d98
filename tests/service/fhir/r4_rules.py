"""Rules of FHIR R4 that fhir.resources does not check: bindings, references, invariants; and those of this service.

Each rule yields a sentence for what breaks it. Sources: https://hl7.org/fhir/R4/observation.html, bundle.html,
diagnosticreport.html, provenance.html, device.html, the value sets they bind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from service.fhir.code_system import CONCEPTS, SYSTEM

Json = dict[str, Any]

STATUS = {
    "Observation": "registered preliminary final amended corrected cancelled entered-in-error unknown",
    "DiagnosticReport": "registered partial preliminary final amended corrected appended cancelled entered-in-error "
    "unknown",
    "Device": "active inactive entered-in-error unknown",
}
ENTITY_ROLES = {"derivation", "revision", "quotation", "source", "removal"}
DEVICE_NAME_TYPES = {
    "udi-label-name", "user-friendly-name", "patient-reported-name", "manufacturer-name", "model-name", "other",
}  # fmt: skip
CATEGORIES = {
    "social-history", "vital-signs", "imaging", "laboratory", "procedure", "survey", "exam", "therapy", "activity",
}  # fmt: skip
UCUM = {"mm", "mm2", "deg", "%", "{score}", "1", "s", "mm/s", "/min"}
ABSENT = {"unknown", "not-performed", "not-applicable", "unsupported", "error"}
VALUES = re.compile(r"^value[A-Z]")


def resources(bundle: Json) -> Iterator[Json]:
    for entry in bundle["entry"]:
        yield entry["resource"]


def objects(value: Any) -> Iterator[Json]:
    """Every JSON object inside."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


def required_bindings(bundle: Json) -> Iterator[str]:
    for resource in resources(bundle):
        kind = resource["resourceType"]
        if kind in STATUS and resource.get("status") not in STATUS[kind].split():
            yield f"{kind}.status is {resource.get('status')!r}"
        if kind == "Device":
            yield from (
                f"Device.deviceName.type is {name.get('type')!r}"
                for name in resource["deviceName"]
                if name.get("type") not in DEVICE_NAME_TYPES
            )
        if kind == "Provenance":
            yield from (
                f"Provenance.entity.role is {entity.get('role')!r}"
                for entity in resource["entity"]
                if entity.get("role") not in ENTITY_ROLES
            )
    if bundle["type"] != "collection":
        yield f"Bundle.type is {bundle['type']!r}"


def codes_exist(bundle: Json) -> Iterator[str]:
    known = {
        SYSTEM: set(CONCEPTS),
        "http://terminology.hl7.org/CodeSystem/observation-category": CATEGORIES,
        "http://terminology.hl7.org/CodeSystem/data-absent-reason": ABSENT,
        "http://terminology.hl7.org/CodeSystem/v3-ObservationValue": {"AIAST"},
        "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation": {"B", "W", "U", "D"},
        "http://terminology.hl7.org/CodeSystem/provenance-participant-type": {"author"},
        "http://hl7.org/fhir/uv/aitransparency/CodeSystem/AIdeviceTypeCS": {"Artificial-Intelligence"},
        "http://unitsofmeasure.org": UCUM,
    }
    for value in objects(bundle):
        if "code" in value and "system" in value:
            if value["system"] not in known:
                yield f"the system {value['system']} is not known"
            elif value["code"] not in known[value["system"]]:
                yield f"{value['system']} has no code {value['code']!r}"


def references_resolve(bundle: Json) -> Iterator[str]:
    there = {entry["fullUrl"] for entry in bundle["entry"]}
    if len(there) != len(bundle["entry"]):
        yield "two entries have one fullUrl"
    for resource in resources(bundle):
        subject = resource.get("subject", {}).get("reference")
        for value in objects(resource):
            reference = value.get("reference")
            if isinstance(reference, str) and reference != subject and reference not in there:
                yield f"{resource['resourceType']} refers to {reference}, which is not in the Bundle"


def invariants(bundle: Json) -> Iterator[str]:
    for resource in resources(bundle):
        if resource["resourceType"] != "Observation":
            continue
        for part in (resource, *resource.get("component", [])):
            values = [name for name in part if VALUES.match(name)]
            if len(values) > 1:
                yield f"{part['code']['text']}: several values {values}"
            if values and "dataAbsentReason" in part:
                yield f"obs-6: {part['code']['text']} has a value and a reason for having none"
            if not values and "dataAbsentReason" not in part:
                yield f"{part['code']['text']} has neither a value nor a reason"
        if "component" in resource and "hasMember" in resource:
            yield "component and hasMember together"
        if any(part["code"] == resource["code"] for part in resource.get("component", [])):
            yield f"obs-7: {resource['code']['text']} has itself as a component"


def labelled(bundle: Json) -> Iterator[str]:
    for resource in (bundle, *resources(bundle)):
        labels = [label["code"] for label in resource.get("meta", {}).get("security", [])]
        if (labels == ["AIAST"]) == (resource["resourceType"] == "Device"):
            yield f"{resource['resourceType']} has the labels {labels}"


def everything_is_reported(bundle: Json) -> Iterator[str]:
    by_kind: dict[str, list[str]] = {}
    for entry in bundle["entry"]:
        by_kind.setdefault(entry["resource"]["resourceType"], []).append(entry["fullUrl"])
    for resource in resources(bundle):
        if resource["resourceType"] == "DiagnosticReport":
            results = [result["reference"] for result in resource["result"]]
            if results != by_kind["Observation"]:
                yield "the report's results are not the observations"
        if resource["resourceType"] == "Provenance":
            targets = {target["reference"] for target in resource["target"]}
            if targets != {*by_kind["Observation"], *by_kind["DiagnosticReport"]}:
                yield "the provenance leaves something out"


def no_image_no_person(bundle: Json) -> Iterator[str]:
    for resource in resources(bundle):
        if resource["resourceType"] in ("Patient", "Media", "Binary", "ImagingStudy"):
            yield f"there is a {resource['resourceType']}"
        for value in objects(resource):
            if any(name in value for name in ("data", "photo", "attachment", "contentType")):
                yield f"{resource['resourceType']} holds an attachment"


RULES: tuple[Callable[[Json], Iterator[str]], ...] = (
    required_bindings, codes_exist, references_resolve, invariants, labelled, everything_is_reported,
    no_image_no_person,
)  # fmt: skip


def broken(bundle: Json) -> list[str]:
    return [fault for rule in RULES for fault in rule(bundle)]
