"""POST /v1/palsy/assess."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from face.vocabulary import POSES, FacePolicy, Pose
from service.api.errors import UPLOAD_PROBLEMS, problem_responses
from service.api.examination_query import KnownFacts, WantedMaps, refuse_maps_in_fhir
from service.api.examining import MOST_PICTURES, UNSORTED, examine_pictures
from service.api.negotiation import FHIR_RESPONSE, WantedFhir
from service.api.query import refuse_unknown_query
from service.api.schemas.assessment import AssessmentAnswer
from service.api.state import CurrentSessionModel, CurrentWorker, PalsyModel
from service.api.uploads import multipart_schema, read_some_images
from service.fhir.assessment import session_report

PATH = "/v1/palsy/assess"

_PARTS: dict[Pose, str] = {
    "rest": "The face at rest, eyes open: what every movement is compared with.",
    "brow_lift": "Brows lifted as far as possible.",
    "gentle_closure": "Eyes closed gently.",
    "tight_closure": "Eyes closed tightly.",
    "closed_smile": "Smile with closed lips.",
    "full_smile": "Broadest smile, teeth showing.",
    "snarl": "Nose wrinkled, upper lip raised.",
    "pucker": "Lips pursed as for a whistle.",
}

router = APIRouter(tags=["palsy"], dependencies=[Depends(refuse_unknown_query)])


@router.post(
    PATH,
    summary="Examination from photographs of several movements",
    response_model=AssessmentAnswer,
    responses={
        **FHIR_RESPONSE,
        **problem_responses(
            *UPLOAD_PROBLEMS, "no-usable-picture", "different-people", "not-acceptable", "model-mismatch"
        ),
    },
    openapi_extra=multipart_schema(
        {str(pose): text for pose, text in _PARTS.items()},
        repeated={UNSORTED: "Pictures of which it is not known what they show; they are sorted by the movement seen."},
    ),
)
async def assess(
    request: Request,
    worker: CurrentWorker,
    model: PalsyModel,
    examining: CurrentSessionModel,
    fhir: WantedFhir,
    options: KnownFacts,
    strict: Annotated[
        bool, Query(description="Refuse the request where a picture cannot be used, or may show another person.")
    ] = False,
    face: Annotated[
        FacePolicy, Query(description="`single`: several faces are an error; `largest`: judge the largest one.")
    ] = "single",
    maps: WantedMaps = "none",
    mirrored: Annotated[
        bool, Query(description="The camera swapped left and right in every picture. Maps stay on the pictures.")
    ] = False,
) -> Response:
    if fhir is not None:
        refuse_maps_in_fhir(maps)
    named, unsorted = await read_some_images(request, POSES, repeated=UNSORTED, most=MOST_PICTURES)
    pictures: dict[Pose, bytes] = {pose: named[pose] for pose in POSES if pose in named}
    analysis = await examine_pictures(
        request,
        worker,
        model,
        examining,
        pictures,
        unsorted,
        options=options,
        face=face,
        mirrored=mirrored,
        maps=maps,
        strict=strict,
    )
    if fhir is not None:
        return fhir.respond(session_report(analysis, fhir.codes), [*pictures.values(), *unsorted], model=model)
    answer = AssessmentAnswer.of(analysis, model=model, request_id=request.state.request_id)
    return Response(answer.model_dump_json(), media_type="application/json")
