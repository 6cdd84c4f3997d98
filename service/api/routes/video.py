"""POST /v1/palsy/video."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from face.clip.script import Script, WrongScript
from face.vocabulary import FacePolicy
from service.analysis.palsy_clip import assess_clip
from service.api.analysing import analyse
from service.api.clip_answers import NDJSON_RESPONSE, answer_clip
from service.api.errors import CLIP_PROBLEMS, RequestError, problem_responses
from service.api.examination_query import KnownFacts, WantedMaps, refuse_maps_in_fhir
from service.api.examining import TASK, count_pictures, grades_as_house_brackmann, summary_of_session
from service.api.negotiation import FHIR_RESPONSE, WantedFhirOrProgress
from service.api.query import refuse_unknown_query
from service.api.schemas.clip import ClipAssessmentAnswer
from service.api.state import CurrentSessionModel, CurrentWorker, PalsyModel
from service.api.uploads import CLIP_MEDIA_TYPES, multipart_schema, read_clip
from service.clips.decoding import Clip
from service.fhir.assessment import session_report

PATH = "/v1/palsy/video"
FIELD = "clip"

router = APIRouter(tags=["palsy"], dependencies=[Depends(refuse_unknown_query)])


@router.post(
    PATH,
    summary="Examination from one clip",
    response_model=ClipAssessmentAnswer,
    responses={
        200: {"content": {**FHIR_RESPONSE[200]["content"], **NDJSON_RESPONSE}},
        **problem_responses(
            *CLIP_PROBLEMS, "no-usable-picture", "different-people", "not-acceptable", "model-mismatch"
        ),
    },
    openapi_extra=multipart_schema(
        {
            FIELD: "Up to a minute of one patient from the front, who rests first and between the movements: H.264 or "
            "HEVC in MP4 or MOV, VP8 or VP9 in WebM. Its sound is not looked at."
        },
        media_types=CLIP_MEDIA_TYPES,
    ),
)
async def video(
    request: Request,
    worker: CurrentWorker,
    model: PalsyModel,
    examining: CurrentSessionModel,
    wanted: WantedFhirOrProgress,
    options: KnownFacts,
    script: Annotated[
        str,
        Query(
            description="What was asked for and when, in seconds, like `rest:0-2,brow_lift:3-6`; `auto`: rest and "
            "movements are found by themselves."
        ),
    ] = "auto",
    curves: Annotated[bool, Query(description="Answer the curves of both sides.")] = True,
    strict: Annotated[
        bool, Query(description="Refuse the clip where a picture from it cannot be used, or may show another person.")
    ] = False,
    face: Annotated[
        FacePolicy,
        Query(description="`single`: several faces are an error; `largest`: follow the one that is largest at first."),
    ] = "single",
    maps: WantedMaps = "none",
    mirrored: Annotated[bool, Query(description="The camera swapped left and right.")] = False,
) -> Response:
    fhir, progress = wanted
    if fhir is not None:
        refuse_maps_in_fhir(maps)
    grades_as_house_brackmann(model)
    followed = _script(script)
    data = await read_clip(request, FIELD)
    work, clips = worker.clips.begin_work(), worker.clips

    async def examine() -> Response:
        analysis = await analyse(
            request,
            worker,
            model,
            [data],
            lambda: assess_clip(
                Clip.of(data, limits=clips.limits),
                model.analyzer,
                clips.decoder,
                clips.landmarker,
                model=examining,
                options=options,
                script=followed,
                face=face,
                mirrored=mirrored,
                maps=maps,
                strict=strict,
                run_all=worker.pictures.map,
                tell=work.tell,
            ),
            summarise=lambda found: summary_of_session(found.session),
            task=TASK,
            executor=clips.executor,
        )
        count_pictures(worker, analysis.session)
        if fhir is not None:
            return fhir.respond(session_report(analysis.session, fhir.codes), [data], model=model)
        answer = ClipAssessmentAnswer.of_clip(analysis, model=model, request_id=request.state.request_id, curves=curves)
        return Response(answer.model_dump_json(), media_type="application/json")

    try:
        return await answer_clip(request, work, examine(), progress=progress)
    except WrongScript as error:
        raise RequestError("invalid-parameters", str(error)) from error


def _script(text: str) -> Script | None:
    if text.strip() == "auto":
        return None
    try:
        return Script.parse(text)
    except WrongScript as error:
        raise RequestError("invalid-parameters", str(error)) from error
