"""GET /v1/fhir/CodeSystem/facial-palsy: the words that FHIR answers are written in."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.responses import Response

from service.api.errors import problem_responses
from service.api.negotiation import FHIR, FHIR_MEDIA_TYPE
from service.api.query import refuse_unknown_query
from service.fhir.code_system import code_system

router = APIRouter(prefix="/v1/fhir", tags=["fhir"], dependencies=[Depends(refuse_unknown_query)])


@router.get(
    "/CodeSystem/facial-palsy",
    summary="The code system of FHIR answers",
    response_class=Response,
    responses={
        200: {"description": "A FHIR R4 CodeSystem.", "content": {FHIR: {"schema": {"type": "object"}}}},
        **problem_responses("unauthorized", "invalid-parameters", "rate-limited", "internal-error"),
    },
)
async def get_code_system() -> Response:
    return Response(code_system().to_json(), media_type=FHIR_MEDIA_TYPE)
