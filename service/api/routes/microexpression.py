"""POST /v1/microexpression/classify."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from face.vocabulary import FacePolicy
from service.analysis.microexpression import MicroexpressionAnalysis
from service.api.analysing import Summary, analyse
from service.api.errors import UPLOAD_PROBLEMS, problem_responses
from service.api.query import refuse_unknown_query
from service.api.schemas.microexpression import MicroexpressionAnswer
from service.api.state import CurrentWorker, MicroexpressionModel
from service.api.uploads import multipart_schema, read_images

PATH = "/v1/microexpression/classify"
IMAGES = 2

router = APIRouter(tags=["microexpression"], dependencies=[Depends(refuse_unknown_query)])


@router.post(
    PATH,
    summary="Emotion of the motion from an onset to an apex frame",
    response_model=MicroexpressionAnswer,
    responses=problem_responses(*UPLOAD_PROBLEMS, "different-faces", "head-turned", "movement-too-large", "no-motion"),
    openapi_extra=multipart_schema(
        {
            "onset": "The face at rest: JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP, GIF, JPEG 2000 or DICOM.",
            "apex": "The same face at the peak of the movement, from the same sequence.",
        }
    ),
)
async def classify(
    request: Request,
    worker: CurrentWorker,
    model: MicroexpressionModel,
    heatmap: Annotated[bool, Query(description="Draw the motion on the apex photograph.")] = True,
    face: Annotated[
        FacePolicy, Query(description="`single`: several faces are an error; `largest`: judge the largest one.")
    ] = "single",
    mirrored: Annotated[
        bool, Query(description="The camera swapped left and right, as front cameras may. Maps stay on the picture.")
    ] = False,
) -> Response:
    images = await read_images(request, ["onset", "apex"])
    analysis = await analyse(
        request,
        worker,
        model,
        [images["onset"], images["apex"]],
        lambda: model.analyzer.analyze(images["onset"], images["apex"], face=face, mirrored=mirrored, heatmap=heatmap),
        summarise=summary_of,
    )
    answer = MicroexpressionAnswer.of(analysis, model=model, request_id=request.state.request_id)
    return Response(answer.model_dump_json(), media_type="application/json")


def summary_of(analysis: MicroexpressionAnalysis) -> Summary:
    """Where no emotion was named, what moved is counted in its place, with how sure it is that it did."""
    return Summary(
        label=analysis.label or analysis.kind,
        probability=analysis.reliability if analysis.probability is None else analysis.probability,
        probabilities=analysis.probabilities,
        quality=analysis.quality,
        timings_ms=analysis.timings_ms,
    )
