"""POST /v1/palsy/look."""

from __future__ import annotations

import asyncio
import contextvars
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from face.palsy.assessment.fitted import fitted_numbers
from face.vocabulary import FacePolicy, Pose
from service.analysis.palsy_look import LookedAt, look_at
from service.api.errors import UPLOAD_PROBLEMS, RequestError, problem_responses
from service.api.query import refuse_unknown_query
from service.api.schemas.look import LookAnswer, LookMeasures
from service.api.state import CurrentWorker, PalsyModel
from service.api.uploads import multipart_schema, read_images

PATH = "/v1/palsy/look"
REST = "rest"
# Measures of a look are a tenth of this.
REST_MAX_BYTES = 20_000

router = APIRouter(tags=["palsy"], dependencies=[Depends(refuse_unknown_query)])


@router.post(
    PATH,
    summary="A light look while a camera runs: framing, and whether the movement was made",
    response_model=LookAnswer,
    responses=problem_responses(*(code for code in UPLOAD_PROBLEMS if code != "audit-unavailable")),
    openapi_extra=multipart_schema(
        {"image": "A picture of the camera, best 640 pixels wide."},
        json_fields={REST: ("LookMeasures", "`measures` of an earlier look at rest, as they came.")},
    ),
)
async def look(
    request: Request,
    worker: CurrentWorker,
    model: PalsyModel,
    pose: Annotated[Pose | None, Query(description="What the face is asked to do.")] = None,
    face: Annotated[
        FacePolicy, Query(description="`single`: several faces are an error; `largest`: look at the largest one.")
    ] = "single",
    mirrored: Annotated[bool, Query(description="The camera swapped left and right, as front cameras do.")] = False,
) -> Response:
    parts = await read_images(request, ["image"], optional=[REST])
    work = partial(
        look_at,
        model.analyzer,
        parts["image"],
        rest=_rest(parts.get(REST)),
        pose=pose,
        numbers=fitted_numbers(),
        face=face,
        mirrored=mirrored,
    )
    # Neither counted among the answers nor recorded: nothing is said of a patient.
    context = contextvars.copy_context()
    seen = await asyncio.get_running_loop().run_in_executor(worker.executor, partial(context.run, work))
    request.state.stages_ms = dict(seen.timings_ms)
    answer = LookAnswer.of(seen, request_id=request.state.request_id)
    return Response(answer.model_dump_json(), media_type="application/json")


def _rest(sent: bytes | None) -> LookedAt | None:
    if sent is None:
        return None
    try:
        if len(sent) > REST_MAX_BYTES:
            raise ValueError
        return LookMeasures.model_validate_json(sent).looked_at()
    except (ValidationError, ValueError) as error:
        where = f" ({'.'.join(map(str, error.errors()[0]['loc']))})" if isinstance(error, ValidationError) else ""
        raise RequestError(
            "invalid-parameters",
            f"The field {REST!r} is not the `measures` of an earlier look{where}. Send them as they came, as JSON.",
        ) from error
