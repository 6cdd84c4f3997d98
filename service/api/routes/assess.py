"""POST /v1/palsy/assess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from face.palsy.assessment.options import ExaminationOptions
from face.palsy.assessment.session_model import SessionModel, numbers_for
from face.vocabulary import HOUSE_BRACKMANN, POSES, FacePolicy, Pose
from service.analysis.assessment import Maps, SessionAnalysis, assess_session
from service.analysis.models import LoadedModel
from service.analysis.palsy import PalsyAnalyzer
from service.api.analysing import Summary, analyse
from service.api.errors import UPLOAD_PROBLEMS, RequestError, problem_responses
from service.api.examination_query import KnownFacts, WantedMaps, refuse_maps_in_fhir
from service.api.negotiation import FHIR_RESPONSE, WantedFhir
from service.api.query import refuse_unknown_query
from service.api.schemas.assessment import AssessmentAnswer
from service.api.state import CurrentSessionModel, CurrentWorker, PalsyModel, Worker
from service.api.uploads import multipart_schema, read_some_images
from service.fhir.assessment import session_report

PATH = "/v1/palsy/assess"
# The eight poses, and one more.
MOST_PICTURES = 9
UNSORTED = "unsorted"
# Under which examinations are counted and recorded.
TASK = "palsy-session"

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


async def examine_pictures(
    request: Request,
    worker: Worker,
    model: LoadedModel[PalsyAnalyzer],
    examining: SessionModel | None,
    pictures: Mapping[Pose, bytes],
    unsorted: Sequence[bytes],
    *,
    options: ExaminationOptions,
    face: FacePolicy,
    mirrored: bool,
    maps: Maps,
    strict: bool,
) -> SessionAnalysis:
    """The examination, counted and recorded; each of its pictures by what became of it.

    Raises RequestError `model-not-loaded` where the model's grades are not those of House and Brackmann.
    """
    grades_as_house_brackmann(model)
    analysis = await analyse(
        request,
        worker,
        model,
        [*pictures.values(), *unsorted],
        lambda: assess_session(
            model.analyzer,
            pictures,
            unsorted,
            numbers=numbers_for(examining),
            model=examining,
            options=options,
            face=face,
            mirrored=mirrored,
            maps=maps,
            strict=strict,
            run_all=worker.pictures.map,
        ),
        summarise=summary_of_session,
        task=TASK,
    )
    count_pictures(worker, analysis)
    return analysis


def grades_as_house_brackmann(model: LoadedModel[PalsyAnalyzer]) -> None:
    """Raises RequestError `model-not-loaded` where the model has other grades."""
    if not model.analyzer.grades_house_brackmann:
        raise RequestError(
            "model-not-loaded",
            "The palsy model of this service has grades of its own; an examination needs those of House and Brackmann, "
            "I to VI.",
        )


def count_pictures(worker: Worker, analysis: SessionAnalysis) -> None:
    """Each by what became of it."""
    for picture in analysis.pictures:
        worker.metrics.session_pictures.labels(picture.status).inc()


def summary_of_session(analysis: SessionAnalysis) -> Summary:
    grade = analysis.examination.grade
    quality = next(picture.analysis.quality for picture in analysis.pictures if picture.analysis is not None)
    return Summary(
        label="ungraded" if grade is None else HOUSE_BRACKMANN[grade.index],
        probability=None if grade is None else grade.probability,
        probabilities={}
        if grade is None
        else dict(zip(HOUSE_BRACKMANN, (float(p) for p in grade.probabilities), strict=True)),
        quality=quality,
        timings_ms=analysis.timings_ms,
    )
