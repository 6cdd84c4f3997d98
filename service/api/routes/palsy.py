"""POST /v1/palsy/grade."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from face.vocabulary import FacePolicy, Pose
from service.analysis.palsy import PalsyAnalysis
from service.api.analysing import Summary, analyse
from service.api.errors import UPLOAD_PROBLEMS, RequestError, problem_responses
from service.api.negotiation import FHIR_RESPONSE, WantedFhir
from service.api.query import refuse_unknown_query
from service.api.schemas.palsy import PalsyAnswer
from service.api.state import CurrentWorker, PalsyModel
from service.api.uploads import multipart_schema, read_images
from service.fhir.palsy import palsy_report

PATH = "/v1/palsy/grade"
IMAGES = 1

router = APIRouter(tags=["palsy"], dependencies=[Depends(refuse_unknown_query)])


@router.post(
    PATH,
    summary="House-Brackmann grade of one photograph",
    response_model=PalsyAnswer,
    responses={**FHIR_RESPONSE, **problem_responses(*UPLOAD_PROBLEMS, "face-covered", "not-acceptable")},
    openapi_extra=multipart_schema(
        {"image": "One face from the front: JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP, GIF, JPEG 2000 or DICOM."}
    ),
)
async def grade(
    request: Request,
    worker: CurrentWorker,
    model: PalsyModel,
    fhir: WantedFhir,
    heatmap: Annotated[bool, Query(description="Draw the asymmetry map.")] = True,
    roi_maps: Annotated[bool, Query(description="Draw where the model looked for each region.")] = False,
    face: Annotated[
        FacePolicy, Query(description="`single`: several faces are an error; `largest`: judge the largest one.")
    ] = "single",
    pose: Annotated[
        Pose | None,
        Query(
            description="What the face was asked to do; by default whether it is at rest is judged from the picture."
        ),
    ] = None,
    mirrored: Annotated[
        bool, Query(description="The camera swapped left and right, as front cameras may. Maps stay on the picture.")
    ] = False,
) -> Response:
    if fhir is not None and roi_maps:
        raise RequestError("invalid-parameters", "A FHIR answer carries no image: leave 'roi_maps' out.")
    image = (await read_images(request, ["image"]))["image"]
    analysis = await analyse(
        request,
        worker,
        model,
        [image],
        lambda: model.analyzer.analyze(
            image, face=face, mirrored=mirrored, pose=pose, heatmap=heatmap and fhir is None, roi_maps=roi_maps
        ),
        summarise=summary_of,
    )
    if fhir is not None:
        return fhir.respond(palsy_report(analysis, fhir.codes), [image], model=model)
    answer = PalsyAnswer.of(analysis, model=model, request_id=request.state.request_id)
    # Serialised here and once: passing the model on would have it validated and copied again.
    return Response(answer.model_dump_json(), media_type="application/json")


def summary_of(analysis: PalsyAnalysis) -> Summary:
    return Summary(
        label=analysis.label,
        probability=analysis.reading.probability,
        probabilities=dict(zip(analysis.labels, (float(p) for p in analysis.reading.probabilities), strict=True)),
        quality=analysis.quality,
        timings_ms=analysis.timings_ms,
    )
