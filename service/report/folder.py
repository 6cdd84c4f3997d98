"""A folder with the pictures of one examination -> the service's answer as JSON, and a page to read it on."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from face.errors import NoImages
from face.image.files import IMAGE_SUFFIXES, UNREAD_SUFFIXES
from face.image.limits import ImageLimits
from face.palsy.assessment.measuring.picture import SessionPicture
from face.palsy.assessment.options import ExaminationOptions
from face.palsy.assessment.session_model import SessionModel
from face.photograph import PhotographReader
from face.vocabulary import POSES, FacePolicy, Pose
from face.whole_file import write_text
from service.analysis.assessment import SessionAnalysis, assess_session
from service.analysis.models import LoadedModel
from service.analysis.palsy import PalsyAnalyzer
from service.analysis.palsy_session import PalsySessionAnalyzer
from service.api.schemas.assessment import AssessmentAnswer
from service.inference.bundle import Bundle
from service.inference.errors import BundleError
from service.inference.session import open_session
from service.report.page import report_page

ANSWER_FILE, REPORT_FILE = "assessment.json", "report.html"
MOST_PICTURES = 9


@dataclass(frozen=True)
class SessionFolder:
    """named: by the pose that each file is named after. unsorted: the other pictures, by name."""

    named: dict[Pose, Path] = field(default_factory=dict)
    unsorted: list[Path] = field(default_factory=list)

    def of_picture(self, sent_as: str) -> Path:
        """The file behind a picture of the answer."""
        number = sent_as.removeprefix("unsorted-")
        if number != sent_as:
            return self.unsorted[int(number) - 1]
        return next(path for pose, path in self.named.items() if pose == sent_as)


@dataclass(frozen=True)
class AssessedFolder:
    answer: Path
    report: Path
    analysis: SessionAnalysis


def find_session(folder: Path) -> SessionFolder:
    """The pictures right in a folder: `rest.jpg`, `brow_lift.png`, ...; any other name is sorted by what it shows.

    Raises NoImages for a folder without pictures, with more than nine, or with two of one pose.
    """
    if not folder.is_dir():
        raise NoImages(f"{folder}: no such folder; an examination is a folder with a picture of each movement")
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in (*IMAGE_SUFFIXES, *UNREAD_SUFFIXES))
    if not files:
        raise NoImages(f"{folder}: no picture in it; name them {', '.join(f'{pose}.jpg' for pose in POSES)}")
    if len(files) > MOST_PICTURES:
        raise NoImages(
            f"{folder}: {len(files)} pictures, an examination has at most {MOST_PICTURES}: one of each movement of "
            f"one person"
        )
    found = SessionFolder()
    for path in files:
        pose = _pose_named(path.stem)
        if pose is None:
            found.unsorted.append(path)
        elif pose in found.named:
            raise NoImages(f"{folder}: {found.named[pose].name} and {path.name} are both of {pose}; keep one of them")
        else:
            found.named[pose] = path
    return found


def _pose_named(stem: str) -> Pose | None:
    word = stem.lower().replace("-", "_").replace(" ", "_")
    return next((pose for pose in POSES if pose == word), None)


def session_model(bundle: Bundle, palsy: Bundle) -> SessionModel:
    """The network of examinations in a bundle. Raises BundleError where it was made for another palsy model."""
    analyzer = PalsySessionAnalyzer(bundle, open_session(bundle))
    if not analyzer.takes_readings_of(palsy):
        raise BundleError(
            bundle.directory,
            f"was made for another palsy model than that in {palsy.directory}; make one for it with `htnet palsy "
            "train-session`, or leave this bundle out",
            field="input.spec",
        )
    return analyzer.model


@contextmanager
def opened_palsy(bundle: Bundle) -> Iterator[LoadedModel[PalsyAnalyzer]]:
    """Raises BundleError for a bundle whose grades are not House and Brackmann's."""
    session = open_session(bundle)
    reader = PhotographReader(limits=ImageLimits())
    try:
        analyzer = PalsyAnalyzer(bundle, session, reader)
        if not analyzer.grades_house_brackmann:
            raise BundleError(
                bundle.directory, "has grades of its own; an examination needs I to VI", field="labels.grades"
            )
        yield LoadedModel(bundle, bundle.variant(None), session, analyzer)
    finally:
        reader.close()


def assess_folder(
    folder: Path,
    bundle: Bundle,
    out: Path,
    *,
    examining: SessionModel | None = None,
    options: ExaminationOptions | None = None,
    faces: FacePolicy = "single",
    mirrored: bool = False,
) -> AssessedFolder:
    """Writes OUT/assessment.json, which is what the service would answer, and OUT/report.html, which holds the
    pictures.

    Raises NoImages, BundleError, and NoUsablePicture.
    """
    files = find_session(folder)
    with opened_palsy(bundle) as model:
        analysis = assess_session(
            model.analyzer,
            {pose: path.read_bytes() for pose, path in files.named.items()},
            [path.read_bytes() for path in files.unsorted],
            model=examining,
            options=options,
            face=faces,
            mirrored=mirrored,
            maps="asymmetry",
        )
        answer = AssessmentAnswer.of(analysis, model=model, request_id=uuid.uuid4().hex)
    made = AssessedFolder(out / ANSWER_FILE, out / REPORT_FILE, analysis)
    write_text(answer.model_dump_json(indent=1), made.answer)
    write_text(report_page(answer, picture_of=lambda sent_as: files.of_picture(sent_as).read_bytes()), made.report)
    return made


@contextmanager
def picture_reader(bundle: Bundle) -> Iterator[Callable[[bytes], SessionPicture]]:
    """What tables of many sessions are read with. Raises as `opened_palsy`."""
    with opened_palsy(bundle) as model:
        yield lambda data: SessionPicture.of(model.analyzer.read(data))
