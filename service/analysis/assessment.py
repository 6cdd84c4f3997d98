"""Several photographs of one person -> one examination. Knows nothing of HTTP.

Each photograph is read as `grade` reads it; one that cannot be used is named with its problem, and the rest goes on.
Unsorted pictures are put under the movement that they show. What the readings amount to is
`face.palsy.assessment.examination`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from face.errors import DifferentPeople, NoUsablePicture, PreprocessingError
from face.palsy.assessment.examination import Examination, PoseStatus, examine
from face.palsy.assessment.fitted import FittedNumbers
from face.palsy.assessment.measuring.movement import (
    activation,
    looks_like,
    movement_shown,
    same_movement,
    sort_by_movement,
)
from face.palsy.assessment.measuring.picture import SessionPicture
from face.palsy.assessment.measuring.scale import NOMINAL_MM_PER_UNIT, session_scale
from face.palsy.assessment.options import ExaminationOptions
from face.palsy.assessment.session_model import SessionModel, numbers_for
from face.palsy.reading import ReadPhotograph
from face.stopwatch import Stopwatch
from face.vocabulary import POSES, FacePolicy, Pose
from service.analysis.palsy import PalsyAnalysis, PalsyAnalyzer

Maps = Literal["none", "asymmetry", "all"]
InT = TypeVar("InT")
OutT = TypeVar("OutT")

_UNSORTED = "unsorted"
# Of a picture that could be read and is not used.
_CODES: Mapping[PoseStatus, str] = {
    "covered": "face-covered",
    "not_seen": "movement-not-seen",
    "other_pose": "other-movement",
}


class RunAll(Protocol):
    """`map`, or that of a pool of threads."""

    def __call__(self, function: Callable[[InT], OutT], items: Iterable[InT], /) -> Iterable[OutT]: ...


@dataclass(frozen=True)
class PictureProblem:
    """Why a picture is not used: the code of a problem, and a sentence."""

    code: str
    detail: str


@dataclass(frozen=True, eq=False)
class AssessedPicture:
    """sent_as: the name of the form's part, with a number for an unsorted one, from 1. pose: the movement that it
    stands for; None for an unsorted picture that was not needed or not readable. analysis: None for a picture that
    cannot be used."""

    sent_as: str
    pose: Pose | None
    status: PoseStatus | Literal["refused"]
    looks_like: Pose | None
    problem: PictureProblem | None
    analysis: PalsyAnalysis | None


@dataclass(frozen=True, eq=False)
class SessionAnalysis:
    """pictures: in the order they were sent. warnings: those of the examination; each picture has its own besides."""

    labels: tuple[str, ...]
    examination: Examination
    pictures: list[AssessedPicture]
    coverage: float
    warnings: tuple[str, ...]
    timings_ms: dict[str, float]


def assess_session(
    analyzer: PalsyAnalyzer,
    named: Mapping[Pose, bytes],
    unsorted: Sequence[bytes] = (),
    *,
    model: SessionModel | None = None,
    options: ExaminationOptions | None = None,
    face: FacePolicy = "single",
    mirrored: bool = False,
    maps: Maps = "none",
    strict: bool = False,
    run_all: RunAll = map,
) -> SessionAnalysis:
    """named, unsorted: image files, at least one in all. model: the network of examinations, where there is one.
    run_all: reads the pictures, for example in several threads.

    Raises NoUsablePicture where none can be used; with `strict`, the PreprocessingError of the first picture that
    cannot, and DifferentPeople.
    """
    watch, numbers = Stopwatch(), numbers_for(model)
    sent: dict[str, bytes] = {pose: named[pose] for pose in POSES if pose in named}
    sent |= {f"{_UNSORTED}-{number}": data for number, data in enumerate(unsorted, start=1)}
    same = _repeated(sent)
    with watch.stage("reading"):
        read = _read_all(analyzer, sent, same, face=face, mirrored=mirrored, run_all=run_all)
    problems = {name: found for name, found in read.items() if isinstance(found, PreprocessingError)}
    if strict and problems:
        raise _with_name(*next(iter(problems.items())))
    readable = {name: found for name, found in read.items() if not isinstance(found, PreprocessingError)}
    readable, same = _under_best_names(readable, same, numbers)
    if not readable:
        raise NoUsablePicture(
            "None of the pictures can be used. " + " ".join(f"`{name}`: {error}" for name, error in problems.items())
        )
    with watch.stage("assessment"):
        pictures = {name: SessionPicture.of(found) for name, found in readable.items()}
        poses = _poses(pictures, named, numbers)
        examination = examine(
            {pose: pictures[name] for name, pose in poses.items()}, numbers, options=options, model=model
        )
    if strict and examination.same_face is not None and examination.same_face.doubtful:
        raise DifferentPeople(
            f"The picture `{examination.same_face.farthest}` may show another person than the others. Send pictures of "
            "one patient, or leave strict out to be warned only."
        )
    with watch.stage("rendering"):
        analyses = {
            name: analyzer.explain(
                found, mirrored=mirrored, heatmap=maps != "none", roi_maps=maps == "all", watch=Stopwatch()
            )
            for name, found in readable.items()
        }
    assessed = [_assessed(name, poses, examination, analyses, problems, same) for name in sent]
    first = next(iter(analyses.values()))
    return SessionAnalysis(
        labels=first.labels,
        examination=examination,
        pictures=assessed,
        coverage=numbers.coverage,
        warnings=(*examination.warnings, *_of_pictures(assessed), *_of_repeated(same)),
        timings_ms=watch.finish(),
    )


def _repeated(sent: Mapping[str, bytes]) -> dict[str, str]:
    """Name of a picture -> the first one that is the same file."""
    first: dict[bytes, str] = {}
    return {name: first[data] for name, data in sent.items() if first.setdefault(data, name) != name}


def _read_all(
    analyzer: PalsyAnalyzer,
    sent: Mapping[str, bytes],
    same: Mapping[str, str],
    *,
    face: FacePolicy,
    mirrored: bool,
    run_all: RunAll,
) -> dict[str, ReadPhotograph | PreprocessingError]:
    """A file that came twice is read once, under its first name."""

    def read(name: str) -> ReadPhotograph | PreprocessingError:
        try:
            return analyzer.read(sent[name], face=face, mirrored=mirrored, pose=_named_pose(name))
        except PreprocessingError as error:
            return error

    names = [name for name in sent if name not in same]
    return dict(zip(names, run_all(read, names), strict=True))


def _under_best_names(
    readable: dict[str, ReadPhotograph], same: dict[str, str], numbers: FittedNumbers
) -> tuple[dict[str, ReadPhotograph], dict[str, str]]:
    """(readable, same), where a file that came as several movements goes by the name of the one that it shows."""
    for first in dict.fromkeys(same.values()):
        names = [first, *(name for name, other in same.items() if other == first)]
        poses = [pose for pose in POSES if pose in names]
        if len(poses) < 2 or "rest" in poses or not {"rest", first} <= readable.keys():
            continue
        best = _shown(readable[first], readable["rest"], poses, numbers)
        readable = {best if name == first else name: found for name, found in readable.items()}
        same = {name: other for name, other in same.items() if other != first}
        same |= {name: best for name in names if name != best}
    return readable, same


def _shown(found: ReadPhotograph, at_rest: ReadPhotograph, poses: Sequence[Pose], numbers: FittedNumbers) -> Pose:
    """Which of these movements the picture is most like; the first one where it is like none."""
    rest = SessionPicture.of(at_rest)
    scale = session_scale({"rest": rest}, pupil_distance_mm=None)
    seen = activation(SessionPicture.of(found), rest, mm_per_unit=scale.mm_per_unit if scale else NOMINAL_MM_PER_UNIT)
    shown = looks_like(seen, numbers)
    return min(poses, key=lambda pose: (pose != shown, not same_movement(pose, shown)))


def _named_pose(name: str) -> Pose | None:
    return next((pose for pose in POSES if pose == name), None)


def _with_name(name: str, error: PreprocessingError) -> PreprocessingError:
    return type(error)(f"`{name}`: {error.message}")


def _poses(
    pictures: Mapping[str, SessionPicture], named: Mapping[Pose, bytes], numbers: FittedNumbers
) -> dict[str, Pose]:
    """Which pose each readable picture stands for, by its name."""
    poses: dict[str, Pose] = {pose: pose for pose in named if pose in pictures}
    unsorted = {name: picture for name, picture in pictures.items() if name not in poses}
    if not unsorted:
        return poses
    rest = next((pictures[name] for name, pose in poses.items() if pose == "rest"), None)
    scale = session_scale({pose: pictures[name] for name, pose in poses.items()}, pupil_distance_mm=None)
    mm_per_unit = scale.mm_per_unit if scale else NOMINAL_MM_PER_UNIT
    if rest is None:
        shown = movement_shown(unsorted, mm_per_unit=mm_per_unit)
        at_rest = min(shown, key=lambda name: shown[name])
        poses[at_rest] = "rest"
        rest = unsorted.pop(at_rest)
    return poses | sort_by_movement(unsorted, rest, set(poses.values()), mm_per_unit=mm_per_unit, numbers=numbers)


def _assessed(
    name: str,
    poses: Mapping[str, Pose],
    examination: Examination,
    analyses: Mapping[str, PalsyAnalysis],
    problems: Mapping[str, PreprocessingError],
    same: Mapping[str, str],
) -> AssessedPicture:
    named = _named_pose(name)
    if name in problems:
        problem = PictureProblem(problems[name].code, problems[name].message)
        return AssessedPicture(name, named, "refused", None, problem, None)
    if name in same:
        problem = PictureProblem("same-picture", _same_file_sentence([name], same[name]))
        return AssessedPicture(name, named, "not_seen", None, problem, None)
    if name not in poses:
        problem = PictureProblem(
            "not-needed", f"The picture `{name}` shows no movement that is not shown by another picture already."
        )
        return AssessedPicture(name, None, "not_seen", None, problem, analyses[name])
    seen = examination.poses[poses[name]]
    found = None
    if seen.problem is not None:
        code = _CODES[seen.status]
        found = PictureProblem(code, seen.problem)
    return AssessedPicture(name, poses[name], seen.status, seen.looks_like, found, analyses[name])


def _of_pictures(assessed: Sequence[AssessedPicture]) -> list[str]:
    """What is said of pictures that could not be read."""
    return [
        f"`{picture.sent_as}`: {picture.problem.detail}"
        for picture in assessed
        if picture.problem is not None and picture.status == "refused"
    ]


def _of_repeated(same: Mapping[str, str]) -> list[str]:
    """One sentence for a file, however often it came."""
    return [
        _same_file_sentence([name for name, other in same.items() if other == kept], kept)
        for kept in dict.fromkeys(same.values())
    ]


def _same_file_sentence(names: Sequence[str], kept: str) -> str:
    listed = ", ".join(f"`{name}`" for name in names)
    if len(names) == 1:
        return f"The picture {listed} is the same file as `{kept}`: it was read once."
    return f"The pictures {listed} are the same file as `{kept}`: it was read once. Send a picture of each movement."
