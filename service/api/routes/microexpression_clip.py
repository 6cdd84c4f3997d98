"""POST /v1/microexpression/clip."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from face.microexpression.spotting import FEWEST_FRAMES
from face.vocabulary import FacePolicy
from service.analysis.microexpression_clip import (
    MOST_BYTES,
    MOST_FRAMES,
    MOST_FRAMES_PER_S,
    MicroexpressionClip,
    analyze_clip,
    analyze_pictures,
    clip_limits,
)
from service.api.analysing import Summary, analyse
from service.api.clip_answers import NDJSON_RESPONSE, answer_clip
from service.api.errors import CLIP_PROBLEMS, RequestError, problem_responses
from service.api.negotiation import answer_form
from service.api.query import refuse_unknown_query
from service.api.schemas.microexpression_clip import MicroexpressionClipAnswer
from service.api.state import CurrentWorker, MicroexpressionModel
from service.api.uploads import CLIP_MEDIA_TYPES, multipart_schema, read_clip, read_some_images
from service.clips.decoding import Clip

PATH = "/v1/microexpression/clip"
# Every frame of a form has a head of its own.
MAX_BYTES = MOST_BYTES + MOST_FRAMES * 1024
# Under which clips are counted and recorded.
TASK = "microexpression-clip"

router = APIRouter(tags=["microexpression"], dependencies=[Depends(refuse_unknown_query)])


@router.post(
    PATH,
    summary="Micro-expressions of a clip: when the face moved, and the emotion of each movement",
    response_model=MicroexpressionClipAnswer,
    responses={
        200: {"content": NDJSON_RESPONSE},
        **problem_responses(*CLIP_PROBLEMS, "empty-image", "image-too-large", "not-acceptable"),
    },
    openapi_extra=multipart_schema(
        {"clip": "H.264 or HEVC in MP4 or MOV, or VP8 or VP9 in WebM: 3 to 400 pictures, up to 250 a second, 60 MB."},
        repeated={
            "frame": "In place of a clip: its pictures in their order, 3 to 400; say with `fps` how many a second."
        },
        media_types=CLIP_MEDIA_TYPES,
    ),
)
async def classify_clip(
    request: Request,
    worker: CurrentWorker,
    model: MicroexpressionModel,
    fps: Annotated[
        float | None, Query(gt=0, le=MOST_FRAMES_PER_S, description="With `frame` only: pictures a second.")
    ] = None,
    face: Annotated[
        FacePolicy, Query(description="`single`: several faces are an error; `largest`: follow the largest one.")
    ] = "single",
    mirrored: Annotated[bool, Query(description="The camera swapped left and right, as front cameras may.")] = False,
) -> Response:
    progress = answer_form(request.headers.get("accept", ""), ("json", "progress")) == "progress"
    data, pictures = await _read_body(request, fps)
    room, work = worker.clips, worker.clips.begin_work()

    def run() -> MicroexpressionClip:
        if data is None:
            return analyze_pictures(
                model.analyzer,
                pictures,
                fps=fps or 0.0,
                face=face,
                mirrored=mirrored,
                reserve=room.reserve,
                tell=work.tell,
            )
        return analyze_clip(
            model.analyzer,
            Clip.of(data, limits=clip_limits(room.limits)),
            room.decoder,
            room.landmarker,
            face=face,
            mirrored=mirrored,
            reserve=room.reserve,
            tell=work.tell,
        )

    async def answer() -> Response:
        analysis = await analyse(
            request,
            worker,
            model,
            pictures if data is None else [data],
            run,
            summarise=summary_of,
            task=TASK,
            executor=room.executor,
        )
        made = MicroexpressionClipAnswer.of(analysis, model=model, request_id=request.state.request_id)
        return Response(made.model_dump_json(by_alias=True), media_type="application/json")

    return await answer_clip(request, work, answer(), progress=progress)


async def _read_body(request: Request, fps: float | None) -> tuple[bytes | None, list[bytes]]:
    """The clip, or None and its pictures.

    Raises as `read_clip` and `read_some_images`; also RequestError invalid-parameters where both came, or fps does not
    fit.
    """
    clip: bytes | None
    pictures: list[bytes] = []
    if request.headers.get("content-type", "").startswith("video/"):
        clip = await read_clip(request, "clip")
    else:
        named, pictures = await read_some_images(request, ["clip"], repeated="frame", most=MOST_FRAMES)
        clip = named.get("clip")
    if clip is None and len(pictures) < FEWEST_FRAMES:
        raise RequestError(
            "invalid-parameters",
            f"There are {len(pictures)} fields 'frame'; a clip has at least {FEWEST_FRAMES}. For an onset and an apex "
            "there is /v1/microexpression/classify.",
        )
    if clip is not None and pictures:
        raise RequestError("invalid-parameters", "Send the field 'clip', or the field 'frame' several times, not both.")
    if clip is not None and fps is not None:
        raise RequestError(
            "invalid-parameters", "A clip says itself how many pictures a second it has: leave 'fps' out."
        )
    if clip is None and fps is None:
        raise RequestError(
            "invalid-parameters", "Say with ?fps=... how many pictures a second were taken: pictures do not tell."
        )
    return clip, pictures


def summary_of(analysis: MicroexpressionClip) -> Summary:
    """By the surest event with an emotion; without one, by what moved; `none` where nothing did."""
    events = analysis.read.events
    named = max(
        (one for one in events if one.probability is not None), key=lambda one: one.probability or 0, default=None
    )
    other = max(events, key=lambda one: one.event.reliability, default=None)
    if named is not None:
        label, probability = named.label or "", named.probability
    else:
        label, probability = ("none", None) if other is None else (other.event.kind, other.event.reliability)
    return Summary(
        label=label,
        probability=probability,
        probabilities={} if named is None else named.probabilities,
        quality=analysis.read.quality,
        timings_ms=analysis.timings_ms,
    )
