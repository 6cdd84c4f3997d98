"""In which form an answer is wanted: the `Accept` field, and what only a FHIR answer can carry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request
from pydantic import AfterValidator, AwareDatetime
from starlette.responses import Response

from service.analysis.models import AnyModel
from service.api.errors import RequestError
from service.api.state import CurrentWorker, Worker
from service.audit.entry import hash_image
from service.fhir.bundle import Maker, Occasion, bundle_of
from service.fhir.code_system import Codes
from service.fhir.datatypes import Identifier, sha256_identifier
from service.fhir.findings import Report

JSON = "application/json"
FHIR = "application/fhir+json"
FHIR_VERSION = "4.0"
FHIR_MEDIA_TYPE = f"{FHIR}; fhirVersion={FHIR_VERSION}"

NDJSON = "application/x-ndjson"

AnswerForm = Literal["json", "fhir", "progress"]
# A resource of the caller's own server, with or without the server's address.
_REFERENCE = re.compile(r"((https?://[^\s?#]{1,200}/)?[A-Z][A-Za-z]{2,40}/[A-Za-z0-9\-.]{1,64}|urn:uuid:[0-9a-f-]{36})")


def answer_form(accept: str, offered: Sequence[AnswerForm] = ("json", "fhir")) -> AnswerForm:
    """The best liked of those `offered` by an `Accept` field (RFC 9110, section 12.5.1); JSON where it names none.

    Raises RequestError not-acceptable where it likes none.
    """
    ranges = accept.split(",") if accept.strip() else ["*/*"]
    liked = {form: max((_liking(text, form) for text in ranges), default=(0, 0.0)) for form in offered}
    # By quality, then by how precisely it was named; a tie of precise names goes to the rarer wish.
    best = max(liked, key=lambda form: (liked[form][1], liked[form][0], (form != "json") == (liked[form][0] == 3)))
    if liked[best][1] == 0:
        raise RequestError(
            "not-acceptable",
            f"The answer can be had as {' or as '.join(_WORDS[form] for form in offered)}; Accept asks for "
            f"{accept[:80]!r}.",
        )
    return best


_MEDIA_TYPES: dict[AnswerForm, str] = {"json": JSON, "fhir": FHIR, "progress": NDJSON}
_WORDS = {**_MEDIA_TYPES, "fhir": f"{FHIR} (FHIR {FHIR_VERSION})"}


def _liking(text: str, form: AnswerForm) -> tuple[int, float]:
    """(how precisely, how much) one range of an `Accept` field likes a form; (0, 0) if not at all."""
    media_type, *parameters = (part.strip().lower() for part in text.split(";"))
    values = {name: value.strip('"') for name, _, value in (part.partition("=") for part in parameters)}
    precision = {_MEDIA_TYPES[form]: 3, "application/*": 2, "*/*": 1}.get(media_type, 0)
    if form == "fhir" and values.get("fhirversion", FHIR_VERSION) not in (FHIR_VERSION, "4.0.1"):
        return 0, 0.0
    try:
        return precision, float(values.get("q", "1")) if precision else 0.0
    except ValueError:
        return precision, 1.0


@dataclass(frozen=True)
class FhirAnswer:
    """How the caller wants it. codes: to write the findings in."""

    codes: Codes
    subject: str | None
    effective: datetime | None

    def respond(self, report: Report, images: Sequence[bytes], *, model: AnyModel) -> Response:
        """images: as they were sent."""
        sources = [sha256_identifier(hash_image(image)) for image in images]
        return self.respond_from(report, sources, maker=Maker.of(model))

    def respond_from(self, report: Report, sources: Sequence[Identifier], *, maker: Maker) -> Response:
        """sources: what the report was made from."""
        occasion = Occasion(
            subject=self.subject,
            effective=self.effective,
            issued=datetime.now(tz=UTC),
            sources=sources,
        )
        bundle = bundle_of(report, occasion, maker=maker, codes=self.codes)
        return Response(bundle.to_json(), media_type=FHIR_MEDIA_TYPE)


def _reference(given: str | None) -> str | None:
    if given is not None and not _REFERENCE.fullmatch(given):
        raise ValueError(
            "must be a reference such as Patient/123, https://ehr.example/fhir/Patient/123 or urn:uuid:..."
        )
    return given


Subject = Annotated[
    str | None,
    AfterValidator(_reference),
    Query(description="With FHIR only: a reference to the patient, such as `Patient/123`; echoed, not stored."),
]
Effective = Annotated[
    AwareDatetime | None,
    Query(description="With FHIR only: when the pictures were taken, with a zone; echoed, not stored."),
]


async def _fhir_answer(
    request: Request, worker: CurrentWorker, subject: Subject = None, effective: Effective = None
) -> FhirAnswer | None:
    return _fhir(answer_form(request.headers.get("accept", "")), worker, subject, effective)


async def _fhir_or_progress(
    request: Request, worker: CurrentWorker, subject: Subject = None, effective: Effective = None
) -> tuple[FhirAnswer | None, bool]:
    form = answer_form(request.headers.get("accept", ""), ("json", "fhir", "progress"))
    return _fhir(form, worker, subject, effective), form == "progress"


def _fhir(form: AnswerForm, worker: Worker, subject: str | None, effective: datetime | None) -> FhirAnswer | None:
    if form == "fhir":
        return FhirAnswer(codes=worker.fhir_codes, subject=subject, effective=effective)
    if subject is not None or effective is not None:
        raise RequestError(
            "invalid-parameters", f"'subject' and 'effective' are for FHIR answers only: send 'Accept: {FHIR}'."
        )
    return None


# None: JSON is wanted. Decided before anything is analysed.
WantedFhir = Annotated[FhirAnswer | None, Depends(_fhir_answer)]
# The same of a route that tells how far it is, and whether that is wanted.
WantedFhirOrProgress = Annotated[tuple[FhirAnswer | None, bool], Depends(_fhir_or_progress)]

FHIR_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            FHIR: {
                "schema": {
                    "description": "A FHIR R4 Bundle (https://hl7.org/fhir/R4/bundle.html): Device, Observations, "
                    "DiagnosticReport, Provenance.",
                    "type": "object",
                    "required": ["resourceType", "type", "entry"],
                    "properties": {
                        "resourceType": {"const": "Bundle"},
                        "type": {"const": "collection"},
                        "entry": {"type": "array", "items": {"type": "object"}},
                    },
                }
            }
        }
    }
}
