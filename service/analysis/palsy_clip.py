"""A clip of an examination -> pictures of rest and of each movement at its largest, and curves of both sides.

The pictures go where the photographs of an examination go (`assessment.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import cv2

from face.clip.examination import ClipExamination, examine_clip
from face.clip.frame import Frame
from face.clip.looks import TimedFace, follow_face
from face.landmarks.landmarker import FaceLandmarker
from face.palsy.assessment.fitted import FittedNumbers
from face.vocabulary import POSES, FacePolicy, Pose
from service.clips.decoding import Clip, ClipDecoder

# Where a face that fills a third of the picture still has more pixels than the landmark network takes.
FOLLOWED_AT_PX = 640
# As photographs are decoded.
_STILLS_AT_PX = 2000


@dataclass(frozen=True, eq=False)
class ExaminedClip:
    """stills: PNG files of rest and of the movements that were seen, for `assess_session`."""

    examination: ClipExamination
    stills: dict[Pose, bytes]


def examine_palsy_clip(
    clip: Clip,
    decoder: ClipDecoder,
    landmarker: FaceLandmarker,
    *,
    numbers: FittedNumbers,
    face: FacePolicy = "single",
    progress: Callable[[float], object] = lambda _: None,
) -> ExaminedClip:
    """progress: is told the share of the clip that was looked at. To be called in one thread; `landmarker` is used in
    it.

    Raises the PreprocessingErrors of the decoder, `follow_face` and `examine_clip`; ClipsBusy and ClipOverran.
    """
    faces: list[TimedFace] = []
    with closing(decoder.frames(clip, longer_side_px=FOLLOWED_AT_PX)) as frames:
        for seen in follow_face(frames, landmarker, policy=face):
            faces.append(seen)
            progress(min(1.0, seen.time_s / clip.header.duration_s))
    examination = examine_clip(faces, numbers)
    apexes: dict[Pose, float] = {pose: movement.apex_s for pose, movement in examination.chosen.items()}
    times = {"rest": examination.rest_s, **apexes}
    wanted = sorted(set(times.values()))
    with closing(decoder.stills(clip, wanted, longer_side_px=_STILLS_AT_PX)) as stills:
        pictures = {wanted[still.index]: _png(still) for still in stills}
    return ExaminedClip(examination, {pose: pictures[times[pose]] for pose in POSES if pose in times})


def _png(still: Frame) -> bytes:
    """Without loss: what the grader sees of a clip is what the clip shows. Level 1: the file lives for a moment."""
    return cv2.imencode(".png", cv2.cvtColor(still.rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1])[
        1
    ].tobytes()
