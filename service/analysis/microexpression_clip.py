"""A clip, or pictures of one in their order -> when a face moved and what each movement looks like. Knows nothing of
HTTP.

Data flow: pictures -> the face in each, cut out -> read_clip (rest, motion of every frame against it, events, graph).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import tee

import cv2
import numpy as np

from face.clip.frame import Frame
from face.clip.limits import ClipLimits
from face.clip.looks import TimedFace, follow_face
from face.errors import NoFace, PreprocessingError
from face.image.limits import Reserve, hold_nothing
from face.landmarks.landmarker import FaceLandmarker
from face.microexpression.clip_frame import ClipFrame, cut_to_face
from face.microexpression.clip_reading import ReadClip
from face.photograph import turned_upright
from face.stopwatch import Stopwatch
from face.vocabulary import FacePolicy
from service.analysis.microexpression import MicroexpressionAnalyzer
from service.clips.decoding import Clip, ClipDecoder

MOST_FRAMES = 400
MOST_FRAMES_PER_S = 250.0
MOST_BYTES = 60_000_000
# At 1080p a face that fills a tenth of the width still has the pixels that the crop takes.
_DECODED_AT_PX = 1280
# Of a frame cut to its face, at most: one that is tilted takes twice what an upright one does.
_KEPT_BYTES = 600_000

# Is told the stage and the share of it that is done.
Tell = Callable[[str, float], object]


@dataclass(frozen=True, eq=False)
class MicroexpressionClip:
    """warnings: those of the reading, and where the pictures had to be turned."""

    read: ReadClip
    warnings: tuple[str, ...]
    timings_ms: dict[str, float]


def clip_limits(limits: ClipLimits) -> ClipLimits:
    """Those of the service, narrowed to what is looked at frame by frame."""
    return replace(
        limits,
        max_bytes=min(limits.max_bytes, MOST_BYTES),
        max_frames=MOST_FRAMES,
        max_frames_per_s=MOST_FRAMES_PER_S,
    )


def analyze_clip(
    analyzer: MicroexpressionAnalyzer,
    clip: Clip,
    decoder: ClipDecoder,
    landmarker: FaceLandmarker,
    *,
    face: FacePolicy = "single",
    mirrored: bool = False,
    reserve: Reserve = hold_nothing,
    tell: Tell = lambda _stage, _done: None,
) -> MicroexpressionClip:
    """To be called in one thread; `landmarker` is used in it. reserve: holds the memory that the frames take.

    Raises the PreprocessingErrors of the decoder, `follow_face` and `read_clip`; ClipsBusy, and whatever `reserve`
    and `tell` raise.
    """
    watch = Stopwatch()
    frames: list[ClipFrame] = []
    turns = 0
    with reserve(clip.header.frames * _KEPT_BYTES):
        with watch.stage("frames"), closing(decoder.frames(clip, longer_side_px=_DECODED_AT_PX)) as decoded:
            # In step: of the pictures one at a time is held.
            shown, looked_at = tee(_mirrored(decoded) if mirrored else decoded)
            for frame, seen in zip(shown, follow_face(looked_at, landmarker, policy=face), strict=True):
                sent_px = max(clip.header.upright_size) / max(frame.rgb.shape[:2])
                frames.append(_cut(frame, seen, analyzer, sent_px=sent_px))
                turns = seen.quarter_turns or turns
                tell("frames", min(1.0, frame.time_s / clip.header.duration_s))
        return _read(analyzer, frames, turns, watch, tell)


def analyze_pictures(
    analyzer: MicroexpressionAnalyzer,
    pictures: Sequence[bytes],
    *,
    fps: float,
    face: FacePolicy = "single",
    mirrored: bool = False,
    reserve: Reserve = hold_nothing,
    tell: Tell = lambda _stage, _done: None,
) -> MicroexpressionClip:
    """pictures: image files in the order of time, `fps` of them a second. reserve: as of `analyze_clip`.

    Raises the PreprocessingErrors of reading a photograph, which name its number, those of `read_clip`, and whatever
    `reserve` and `tell` raise.
    """
    watch = Stopwatch()
    frames: list[ClipFrame] = []
    turns = 0
    with reserve(len(pictures) * _KEPT_BYTES):
        for number, data in enumerate(pictures):
            seen = None
            try:
                photograph = analyzer.reader.read(data, policy=face, mirrored=mirrored, watch=watch)
            except NoFace:
                pass
            except PreprocessingError as error:
                raise type(error)(f"Frame {number + 1} of {len(pictures)}: {error.message}") from error
            else:
                seen = cut_to_face(photograph.rgb, photograph.face, analyzer.spec, sent_px=photograph.to_sent.scale)
                turns = photograph.quarter_turns or turns
            frames.append(ClipFrame(number / fps, seen))
            tell("frames", (number + 1) / len(pictures))
        return _read(analyzer, frames, turns, watch, tell)


def _mirrored(frames: Iterator[Frame]) -> Iterator[Frame]:
    for frame in frames:
        yield replace(frame, rgb=np.asarray(cv2.flip(frame.rgb, 1), np.uint8))


def _cut(frame: Frame, seen: TimedFace, analyzer: MicroexpressionAnalyzer, *, sent_px: float) -> ClipFrame:
    if seen.face is None:
        return ClipFrame(frame.time_s, None)
    upright = np.rot90(frame.rgb, seen.quarter_turns)
    return ClipFrame(frame.time_s, cut_to_face(upright, seen.face, analyzer.spec, sent_px=sent_px))


def _read(
    analyzer: MicroexpressionAnalyzer, frames: Sequence[ClipFrame], turns: int, watch: Stopwatch, tell: Tell
) -> MicroexpressionClip:
    read = analyzer.read_frames(frames, watch=watch, progress=lambda done: tell("motion", done))
    return MicroexpressionClip(read=read, warnings=(*turned_upright(turns), *read.warnings), timings_ms=watch.finish())
