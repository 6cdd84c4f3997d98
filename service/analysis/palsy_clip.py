"""A clip of an examination -> pictures of rest and of each movement at its largest, and curves of both sides.

The pictures go where the photographs of an examination go (`assessment.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import cv2
import numpy as np

from face.clip.clip_header import ClipHeader
from face.clip.curves.smoothing import stretches
from face.clip.examination import ClipExamination, examine_clip
from face.clip.frame import Frame
from face.clip.looks import TimedFace, follow_face
from face.clip.script import Script
from face.landmarks.landmarker import FaceLandmarker
from face.palsy.assessment.fitted import FittedNumbers
from face.palsy.assessment.options import ExaminationOptions
from face.palsy.assessment.session_model import SessionModel, numbers_for
from face.stopwatch import Stopwatch
from face.vocabulary import POSES, FacePolicy, Pose
from service.analysis.assessment import Maps, RunAll, SessionAnalysis, assess_session
from service.analysis.palsy import PalsyAnalyzer
from service.clips.decoding import Clip, ClipDecoder

# Where a face that fills a third of the picture still has more pixels than the landmark network takes.
FOLLOWED_AT_PX = 640
# As photographs are decoded.
_STILLS_AT_PX = 2000
# Of clips with more pictures a second, every second or fourth is looked at.
_LOOKED_AT_PER_S = 31.0
# Below, the answer says so.
_WELL_SEEN = 0.9

# Stage and the share of it that is done.
Tell = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class ExaminedClip:
    """stills: PNG files of rest and of the movements that were seen, for `assess_session`."""

    examination: ClipExamination
    stills: dict[Pose, bytes]


@dataclass(frozen=True, eq=False)
class ClipAnalysis:
    """session: what the pictures amount to, with the warnings on the clip after its own, of which patterns come
    first."""

    header: ClipHeader
    examination: ClipExamination
    session: SessionAnalysis


def assess_clip(
    clip: Clip,
    analyzer: PalsyAnalyzer,
    decoder: ClipDecoder,
    landmarker: FaceLandmarker,
    *,
    model: SessionModel | None = None,
    options: ExaminationOptions | None = None,
    script: Script | None = None,
    face: FacePolicy = "single",
    mirrored: bool = False,
    maps: Maps = "none",
    strict: bool = False,
    run_all: RunAll = map,
    tell: Tell = lambda _, __: None,
) -> ClipAnalysis:
    """To be called in one thread, which `landmarker` belongs to. model: as `assess_session`. tell: is told how
    far the work is, once for each picture; what it raises ends the work.

    Raises as `examine_palsy_clip` and `assess_session`; WrongScript.
    """
    watch = Stopwatch()
    if script is not None:
        script.check(clip.header.duration_s)
    with watch.stage("clip"):
        examined = examine_palsy_clip(
            clip,
            decoder,
            landmarker,
            numbers=numbers_for(model),
            script=script,
            face=face,
            mirrored=mirrored,
            tell=tell,
        )
    tell("assessment", 0.0)
    session = assess_session(
        analyzer,
        examined.stills,
        model=model,
        options=options,
        # Whoever else is in the picture was there in the whole clip, and was spoken of.
        face="largest",
        mirrored=mirrored,
        maps=maps,
        strict=strict,
        run_all=run_all,
    )
    timings = {**watch.finish(), **{name: ms for name, ms in session.timings_ms.items() if name != "total"}}
    timings["total"] = sum(ms for name, ms in timings.items() if name != "total")
    session = replace(
        session,
        warnings=(*session.warnings, *_clip_warnings(clip.header, examined.examination)),
        timings_ms=timings,
    )
    return ClipAnalysis(clip.header, examined.examination, session)


def examine_palsy_clip(
    clip: Clip,
    decoder: ClipDecoder,
    landmarker: FaceLandmarker,
    *,
    numbers: FittedNumbers,
    script: Script | None = None,
    face: FacePolicy = "single",
    mirrored: bool = False,
    tell: Tell = lambda _, __: None,
) -> ExaminedClip:
    """Raises the PreprocessingErrors of the decoder, `follow_face` and `examine_clip`; ClipsBusy."""
    faces: list[TimedFace] = []
    step_s = 1 / _LOOKED_AT_PER_S if clip.header.frames_per_s > _LOOKED_AT_PER_S else 0.0
    with closing(decoder.frames(clip, longer_side_px=FOLLOWED_AT_PX, step_s=step_s)) as frames:
        for seen in follow_face(_as_they_are(frames, mirrored=mirrored), landmarker, policy=face):
            faces.append(seen)
            tell("movements", min(1.0, seen.time_s / clip.header.duration_s))
    examination = examine_clip(faces, numbers, script=script)
    apexes: dict[Pose, float] = {pose: movement.apex_s for pose, movement in examination.chosen.items()}
    times = {"rest": examination.rest_s, **apexes}
    wanted = sorted(set(times.values()))
    pictures: dict[float, bytes] = {}
    with closing(decoder.stills(clip, wanted, longer_side_px=_STILLS_AT_PX)) as stills:
        for still in stills:
            pictures[wanted[still.index]] = _png(still)
            tell("pictures", (still.index + 1) / len(wanted))
    return ExaminedClip(examination, {pose: pictures[times[pose]] for pose in POSES if pose in times})


def _as_they_are(frames: Iterator[Frame], *, mirrored: bool) -> Iterator[Frame]:
    """Left and right as they are on the patient, where the camera had swapped them."""
    for frame in frames:
        yield replace(frame, rgb=np.asarray(cv2.flip(frame.rgb, 1), np.uint8)) if mirrored else frame


def _clip_warnings(header: ClipHeader, found: ClipExamination) -> list[str]:
    warnings = []
    if found.seen_share < _WELL_SEEN:
        warnings.append(
            f"The face is seen in {found.seen_share:.0%} of the clip's pictures; movements in the others are missed."
        )
    if not found.movements:
        warnings.append(
            f"No movement is seen in the {header.duration_s:.1f} s of the clip: it is judged as one photograph at rest."
        )
    if talk := stretches(found.talks):
        when = " and ".join(f"from {found.times_s[first]:.1f} to {found.times_s[last]:.1f} s" for first, last in talk)
        warnings.append(
            f"The patient talks {when}: what the mouth does then is taken for no movement. Where one was asked for, "
            "name it in the script."
        )
    if header.variable_rate:
        warnings.append(
            "The clip has a variable rate of pictures, as telephones record in dim light: velocities are less sure."
        )
    return warnings


def _png(still: Frame) -> bytes:
    """Without loss: what the grader sees of a clip is what the clip shows. Level 1: the file lives for a moment."""
    return cv2.imencode(".png", cv2.cvtColor(still.rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1])[
        1
    ].tobytes()
