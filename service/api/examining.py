"""What every route does that examines: the work itself, its counts and its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi import Request

from face.palsy.assessment.options import ExaminationOptions
from face.palsy.assessment.session_model import SessionModel
from face.vocabulary import HOUSE_BRACKMANN, FacePolicy, Pose
from service.analysis.assessment import Maps, SessionAnalysis, assess_session
from service.analysis.models import LoadedModel
from service.analysis.palsy import PalsyAnalyzer
from service.api.analysing import Summary, analyse
from service.api.errors import RequestError
from service.api.state import Worker

# The eight poses, and one more.
MOST_PICTURES = 9
UNSORTED = "unsorted"
# Under which examinations are counted and recorded.
TASK = "palsy-session"


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
