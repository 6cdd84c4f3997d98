"""A FHIR answer and the DICOM files that were sent for it -> a DICOM Structured Report (TID 1500) for the same study.

Made where the pictures are, not by the service: a report belongs to a patient and a study, and both are copied from the
pictures, which the service does not look at. An Observation becomes a group of measurements (TID 1501): quantities with
their uncertainty, codes as evaluations, a range as its minimum and maximum, what was not seen as DICOM's own words for
it. Sources: DICOM PS3.16, TID 300, 1500, 1501, CID 42.
"""

from __future__ import annotations

import hashlib
import io
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import highdicom as hd
from highdicom import sr
from pydantic import ValidationError
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.valuerep import PersonName

from face.image.media_types import is_dicom
from face.version import VERSION
from service.fhir.code_system import SYSTEM
from service.fhir.code_system import VERSION as CODE_SYSTEM_VERSION
from service.fhir.datatypes import CodeableConcept, Coding, Quantity, Range
from service.fhir.resources import Bundle, Device, DiagnosticReport, Observation, ObservationComponent, Provenance

# Of codes that are this project's own, as PS3.16 wants private ones.
SCHEME = "99HTNET"
_SCHEME_NAME = "htnet-clinical facial palsy"
MANUFACTURER = "htnet-clinical"
_HASH = "urn:hash::sha256:"
_POSE, _UNCERTAINTY, _SIDES = (
    "pose",
    "expanded-uncertainty",
    {"side-left": codes.SCT.Left, "side-right": codes.SCT.Right},
)
_ABSENT = {"not-performed": codes.DCM.MeasurementNotAttempted, "unknown": codes.DCM.ValueUnknown}
# Type 2: a report must have them, if only empty, also where a picture lacks one.
_OF_PATIENT_AND_STUDY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime",
)  # fmt: skip


Kind = TypeVar("Kind")


class NoReport(Exception):
    """No report can be made of these files. The message names the file and says what to do."""


def structured_report(answer: str, pictures: Mapping[str, bytes]) -> Dataset:
    """Preliminary and unverified, in a series of its own.

    answer: of `grade`, `assess` or `video` with `Accept: application/fhir+json`. pictures: the DICOM files that were
    sent, by name. Raises NoReport.
    """
    bundle = _read_answer(answer)
    evidence = _evidence(bundle, pictures)
    # The patient's name of the picture may be of one part, of which highdicom warns, quoting it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _report(bundle, evidence)


def _read_answer(answer: str) -> Bundle:
    try:
        bundle = Bundle.model_validate_json(answer)
        for kind in (Device, DiagnosticReport, Provenance):
            if len(_all_of(bundle, kind)) != 1:
                raise NoReport(
                    f"The answer has not one {kind.__name__}: it was put together from several, or lacks a part. Keep "
                    "it as it comes."
                )
        return bundle
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the file"
        raise NoReport(
            f"The answer is no FHIR Bundle of this service ({place}: {first['msg']}). Send the pictures with the "
            "header 'Accept: application/fhir+json' and keep the answer as it comes."
        ) from error


def _evidence(bundle: Bundle, pictures: Mapping[str, bytes]) -> list[Dataset]:
    """The pictures, which must be those of the answer, of one patient and one study."""
    (provenance,) = _all_of(bundle, Provenance)
    named = [entity.what.identifier.value for entity in provenance.entity if entity.what.identifier is not None]
    wanted = {value.removeprefix(_HASH) for value in named if value.startswith(_HASH)}
    if not wanted:
        raise NoReport(
            "The answer names no picture, as one of two compared examinations: a report belongs to pictures."
        )
    found = {hashlib.sha256(data).hexdigest(): (name, data) for name, data in pictures.items()}
    for digest, (name, _) in found.items():
        if digest not in wanted:
            raise NoReport(
                f"{name}: the answer was not made from this file (its SHA-256 is {digest[:12]}...). Name the files "
                "that were sent, unchanged."
            )
    missing = sorted(wanted - found.keys())
    if missing:
        raise NoReport(
            f"{len(missing)} of {len(wanted)} pictures of the answer are not among the files (the first has the "
            f"SHA-256 {missing[0][:12]}...). Name all that were sent."
        )
    evidence = [_read_picture(name, data) for name, data in found.values()]
    for element in ("PatientID", "StudyInstanceUID"):
        if len({str(image.get(element, "")) for image in evidence}) > 1:
            raise NoReport(f"The pictures differ in {element}: a report is of one patient and one study.")
    return evidence


def _read_picture(name: str, data: bytes) -> Dataset:
    if not is_dicom(data):
        raise NoReport(
            f"{name}: is no DICOM file. A report takes patient and study from the pictures: send DICOM files, or keep "
            "the FHIR answer."
        )
    try:
        image = dcmread(io.BytesIO(data), stop_before_pixels=True)
    except (InvalidDicomError, OSError, ValueError) as error:
        raise NoReport(f"{name}: cannot be read as DICOM.") from error
    for element in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"):
        if not image.get(element):
            raise NoReport(
                f"{name}: has no {element}, so that a report could not refer to it. Take it from the archive."
            )
    for element in _OF_PATIENT_AND_STUDY:
        # As text: names are written anew, in the report's character set.
        value = image.get(element) or ""
        setattr(image, element, str(value) if isinstance(value, PersonName) else value)
    return image


def _report(bundle: Bundle, evidence: Sequence[Dataset]) -> Dataset:
    (device,), (conclusion,) = _all_of(bundle, Device), _all_of(bundle, DiagnosticReport)
    model, version = device.device_name[0].name, device.version[0].value
    digest = device.identifier[0].value.removeprefix(_HASH)
    algorithm = sr.AlgorithmIdentification(name=model, version=version, parameters=[f"sha256 {digest}"])
    observer = sr.DeviceObserverIdentifyingAttributes(
        # The same for the same graph.
        uid=hd.UID.from_uuid(str(uuid.uuid5(uuid.NAMESPACE_URL, device.identifier[0].value))),
        name=model,
        manufacturer_name=MANUFACTURER,
        model_name=model,
        serial_number=version,
    )
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(
            observer_device_context=sr.ObserverContext(
                observer_type=codes.DCM.Device, observer_identifying_attributes=observer
            )
        ),
        procedure_reported=_code(conclusion.code),
        imaging_measurements=[_group(one, algorithm) for one in _all_of(bundle, Observation)],
        referenced_images=evidence,
    )
    content[0].ContentSequence.append(_text(codes.DCM.Conclusion, conclusion.conclusion))
    for note in device.note:
        content[0].ContentSequence.append(_text(codes.DCM.Comment, note.text))
    report = sr.EnhancedSR(
        evidence=evidence,
        content=content[0],
        series_instance_uid=hd.UID(),
        series_number=1,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=model,
        software_versions=f"{VERSION}, model {version}",
        is_complete=True,
        specific_character_set="ISO_IR 192",
    )
    report.SeriesDescription = "Facial palsy measurements, preliminary, not a medical device"
    scheme = Dataset()
    scheme.CodingSchemeDesignator, scheme.CodingSchemeName = SCHEME, f"{_SCHEME_NAME}, {SYSTEM} {CODE_SYSTEM_VERSION}"
    report.CodingSchemeIdentificationSequence = [scheme]
    return report


def _group(one: Observation, algorithm: sr.AlgorithmIdentification) -> sr.MeasurementsAndQualitativeEvaluations:
    parts = {_own_code(part.code): part for part in one.component or ()}
    uncertainty = parts.pop(_UNCERTAINTY, None)
    laterality = None if one.body_site is None else _SIDES.get(_own_code(one.body_site))
    measurements, evaluations = list(_measurements(one, uncertainty)), list(_evaluations(one))
    for part in parts.values():
        measurements += _measurements(part)
        evaluations += _evaluations(part)
    pose = parts[_POSE].value_codeable_concept if _POSE in parts else None
    name = " ".join(filter(None, (_own_code(concept) for concept in (one.code, pose, one.body_site))))
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=hd.UID(), identifier=name),
        finding_type=_code(one.code),
        algorithm_id=algorithm,
        finding_sites=[sr.FindingSite(anatomic_location=codes.SCT.Face, laterality=laterality)],
        measurements=measurements or None,
        qualitative_evaluations=evaluations or None,
    )
    # The template may be extended; a note says why something is not there, or how sure it is.
    for note in one.note or ():
        group[0].ContentSequence.append(_text(codes.DCM.Comment, note.text))
    return group


def _measurements(
    one: Observation | ObservationComponent, uncertainty: ObservationComponent | None = None
) -> Iterator[sr.Measurement]:
    if one.value_quantity is not None:
        around = None if uncertainty is None or uncertainty.value_quantity is None else uncertainty.value_quantity.value
        yield _measurement(one.code, one.value_quantity, around=around)
    if one.value_range is not None:
        yield from _range(one.code, one.value_range)


def _range(code: CodeableConcept, limits: Range) -> Iterator[sr.Measurement]:
    yield _measurement(code, limits.low, derivation=codes.SCT.Minimum)
    yield _measurement(code, limits.high, derivation=codes.SCT.Maximum)


def _measurement(
    code: CodeableConcept, value: Quantity, *, around: float | None = None, derivation: Code | None = None
) -> sr.Measurement:
    """around: half the width of the interval."""
    properties = None
    if around is not None:
        properties = sr.MeasurementProperties(
            upper_measurement_uncertainty=round(around, 6), lower_measurement_uncertainty=round(around, 6)
        )
    return sr.Measurement(
        name=_code(code),
        value=round(value.value, 6),
        unit=sr.CodedConcept(value.code, "UCUM", "no units" if value.code == "1" else value.unit),
        derivation=derivation,
        properties=properties,
    )


def _evaluations(one: Observation | ObservationComponent) -> Iterator[sr.QualitativeEvaluation]:
    if one.value_codeable_concept is not None:
        yield sr.QualitativeEvaluation(name=_code(one.code), value=_code(one.value_codeable_concept))
    if one.data_absent_reason is not None:
        (reason,) = one.data_absent_reason.coding or (Coding(system=SYSTEM, code="none"),)
        if reason.code not in _ABSENT:
            raise NoReport(
                f"{one.code.text}: {reason.code!r} is no reason that this service gives. Keep the answer as it comes."
            )
        yield sr.QualitativeEvaluation(name=_code(one.code), value=_ABSENT[reason.code])


def _code(concept: CodeableConcept) -> sr.CodedConcept:
    """A code's meaning has 64 characters at most. A grade of a model's own scale has no code but its name."""
    meaning = (concept.text or _own_code(concept))[:64]
    return sr.CodedConcept(_own_code(concept) or meaning, SCHEME, meaning)


def _own_code(concept: CodeableConcept | None) -> str:
    return next((coding.code for coding in (concept.coding if concept else None) or () if coding.system == SYSTEM), "")


def _text(name: Code, value: str) -> sr.TextContentItem:
    return sr.TextContentItem(name=name, value=value, relationship_type=sr.RelationshipTypeValues.CONTAINS)


def _all_of(bundle: Bundle, kind: type[Kind]) -> list[Kind]:
    return [entry.resource for entry in bundle.entry if isinstance(entry.resource, kind)]
