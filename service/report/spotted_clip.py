"""A clip, or a folder with its pictures, -> the service's answer as JSON."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from face.clip.limits import ClipLimits
from face.errors import NoImages
from face.image.files import IMAGE_SUFFIXES
from face.image.limits import ImageLimits
from face.landmarks.landmarker import FaceLandmarker
from face.microexpression.spotting import FEWEST_FRAMES
from face.photograph import PhotographReader
from face.vocabulary import FacePolicy
from service.analysis.microexpression import MicroexpressionAnalyzer
from service.analysis.microexpression_clip import MOST_FRAMES, analyze_clip, analyze_pictures, clip_limits
from service.analysis.models import LoadedModel
from service.api.schemas.microexpression_clip import MicroexpressionClipAnswer
from service.clips.decoding import Clip, ClipDecoder
from service.inference.bundle import Bundle
from service.inference.session import open_session


def spot_path(
    path: Path,
    bundle: Bundle,
    *,
    fps: float | None,
    faces: FacePolicy = "single",
    mirrored: bool = False,
    tell: Callable[[str, float], object] = lambda _stage, _done: None,
) -> MicroexpressionClipAnswer:
    """What `POST /v1/microexpression/clip` would answer. fps: of a folder's pictures; None for a clip, which says it.

    Raises NoImages for a path without pictures or with more than may be sent, BundleError, and the PreprocessingErrors
    of `analyze_clip` and `analyze_pictures`.
    """
    session = open_session(bundle)
    with closing(PhotographReader(limits=ImageLimits())) as reader:
        analyzer = MicroexpressionAnalyzer(bundle, session, reader)
        if fps is None:
            clip = Clip.of(_read(path), limits=clip_limits(ClipLimits()))
            with FaceLandmarker() as landmarker:
                found = analyze_clip(
                    analyzer, clip, ClipDecoder(), landmarker, face=faces, mirrored=mirrored, tell=tell
                )
        else:
            pictures = [file.read_bytes() for file in frames_of(path)]
            found = analyze_pictures(analyzer, pictures, fps=fps, face=faces, mirrored=mirrored, tell=tell)
        model = LoadedModel(bundle, bundle.variant(None), session, analyzer)
        return MicroexpressionClipAnswer.of(found, model=model, request_id=uuid.uuid4().hex)


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise NoImages(f"{path}: no such file")
    return path.read_bytes()


def frames_of(folder: Path) -> list[Path]:
    """The pictures right in a folder by the numbers in their names: frame 9 comes before frame 10.

    Raises NoImages.
    """
    files = sorted((p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES), key=_by_number)
    if not FEWEST_FRAMES <= len(files) <= MOST_FRAMES:
        raise NoImages(f"{folder}: {len(files)} pictures; a clip has {FEWEST_FRAMES} to {MOST_FRAMES}")
    return files


def _by_number(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]
