"""POST /v1/palsy/compare."""

from __future__ import annotations

from dataclasses import fields

from fastapi import APIRouter, Depends
from starlette.responses import Response

from face.palsy.assessment.comparison import compare
from face.palsy.assessment.fitted import fitted_numbers
from service.api.errors import RequestError, problem_responses
from service.api.negotiation import FHIR_RESPONSE, WantedFhir
from service.api.query import refuse_unknown_query
from service.api.schemas.comparison import ComparisonAnswer, ComparisonRequest, followed
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
async def compare_examinations(asked: ComparisonRequest, fhir: WantedFhir) -> Response:
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
    comparison = compare(followed(before), followed(after), fitted_numbers().sdc95)
    if fhir is None:
        return Response(ComparisonAnswer.of(comparison).model_dump_json(), media_type="application/json")
    units: dict[str, str] = {measure.id: measure.unit for measure in after.measures}
    sources = [Identifier(system=REQUEST_ID_SYSTEM, value=answer.request_id) for answer in (before, after)]
    # The model of the answers, which need not be the one that is loaded here.
    maker = Maker(**{field.name: getattr(after.model, field.name) for field in fields(Maker)})
    return fhir.respond_from(comparison_report(comparison, units, fhir.codes), sources, maker=maker)
