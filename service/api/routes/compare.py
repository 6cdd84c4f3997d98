"""POST /v1/palsy/compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from fastapi import APIRouter, Depends
from starlette.responses import Response

from face.palsy.assessment.comparison import compare
from face.palsy.assessment.examination import METHOD
from face.palsy.assessment.fitted import fitted_numbers
from face.palsy.assessment.session_model import Method
from service.api.errors import RequestError, problem_responses
from service.api.negotiation import FHIR_RESPONSE, WantedFhir
from service.api.query import refuse_unknown_query
from service.api.schemas.assessment_parts import SessionMethod
from service.api.schemas.comparison import ComparisonAnswer, ComparisonRequest, followed
from service.api.state import CurrentWorker, Worker
from service.fhir.bundle import Maker
from service.fhir.comparison import comparison_report
from service.fhir.datatypes import Identifier

PATH = "/v1/palsy/compare"
# Two answers without maps are a tenth of this.
MAX_BYTES = 2_000_000

# Of an answer, by which its audit record is found.
REQUEST_ID_SYSTEM = "urn:htnet-clinical:request-id"

router = APIRouter(tags=["palsy"], dependencies=[Depends(refuse_unknown_query)])


@router.post(
    PATH,
    summary="What has changed between two examinations",
    response_model=ComparisonAnswer,
    responses={
        **FHIR_RESPONSE,
        **problem_responses(
            "invalid-request", "unauthorized", "not-acceptable", "request-timeout", "image-too-large", "model-mismatch",
            "invalid-parameters", "rate-limited", "internal-error", "overloaded",
        ),
    },
)  # fmt: skip
async def compare_examinations(asked: ComparisonRequest, worker: CurrentWorker, fhir: WantedFhir) -> Response:
    before, after = asked.before, asked.after
    if (before.model.sha256, before.session_method) != (after.model.sha256, after.session_method):
        raise RequestError(
            "model-mismatch",
            f"The first answer is by {before.model.name} {before.model.version} ({before.session_method.name} "
            f"{before.session_method.version}), the second by {after.model.name} {after.model.version} "
            f"({after.session_method.name} {after.session_method.version}): what they differ by may be the model. "
            f"Send the "
            "pictures of both to the same one again.",
        )
    comparison = compare(followed(before), followed(after), _smallest_changes(before.session_method, worker))
    if fhir is None:
        return Response(ComparisonAnswer.of(comparison).model_dump_json(), media_type="application/json")
    units: dict[str, str] = {measure.id: measure.unit for measure in after.measures}
    sources = [Identifier(system=REQUEST_ID_SYSTEM, value=answer.request_id) for answer in (before, after)]
    # The model of the answers, which need not be the one that is loaded here.
    maker = Maker(**{field.name: getattr(after.model, field.name) for field in fields(Maker)})
    return fhir.respond_from(comparison_report(comparison, units, fhir.codes), sources, maker=maker)


def _smallest_changes(method: SessionMethod, worker: Worker) -> Mapping[str, float]:
    """Those of the way in which both were read. RequestError `model-mismatch` where this service reads otherwise."""
    if Method(**method.model_dump()) == METHOD:
        return fitted_numbers().sdc95
    loaded = worker.models.palsy_session
    if loaded is None or Method(**method.model_dump()) != loaded.analyzer.model.method:
        has = "none" if loaded is None else f"{loaded.bundle.manifest.name} {loaded.bundle.manifest.version}"
        raise RequestError(
            "model-mismatch",
            f"Both answers were read by {method.name} {method.version}; of the networks that read examinations this "
            f"service has {has}, and cannot say what two examinations by another differ by. Send the pictures of both "
            "again.",
        )
    return loaded.analyzer.model.numbers.sdc95
