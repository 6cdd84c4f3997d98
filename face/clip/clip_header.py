"""What a clip's container says of it, before any picture is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from face.errors import UnsupportedCodec

Container = Literal["MP4", "QuickTime", "WebM"]
Codec = Literal["H.264", "HEVC", "VP8", "VP9"]

ACCEPTED_CLIPS = "H.264 or HEVC in MP4 or MOV, or VP8 or VP9 in WebM"
HOW_TO_CONVERT = 'Set the camera to "most compatible" (H.264), or convert it: ffmpeg -i clip -c:v libx264 clip.mp4'


@dataclass(frozen=True)
class ClipHeader:
    """width, height: as stored, before the clip is turned clockwise by rotation_deg (0, 90, 180 or 270). frames: the
    pictures of the video track. duration_s: from the first picture to the end of the last. variable_rate: whether some
    pictures stand for a longer time than others, by a quarter or more. key_every_s: mean time from one picture that can
    be decoded by itself to the next; None where the container's head does not say.

    hidden: (place, bytes) to write over the file, so that a reader sees nothing of it but the video track: no sound, no
    subtitles, no cover picture, for each of which FFmpeg would start another decoder.
    """

    container: Container
    codec: Codec
    width: int
    height: int
    rotation_deg: int
    frames: int
    duration_s: float
    variable_rate: bool
    key_every_s: float | None = None
    hidden: tuple[tuple[int, bytes], ...] = ()

    @property
    def frames_per_s(self) -> float:
        """The mean over the clip."""
        return self.frames / self.duration_s

    @property
    def upright_size(self) -> tuple[int, int]:
        """(width, height) as it is shown."""
        return (self.height, self.width) if self.rotation_deg % 180 else (self.width, self.height)


def has_variable_rate(deltas: npt.NDArray[np.int64]) -> bool:
    """deltas: for how long each picture stands, in any unit. The last one's is often made up by the writer."""
    shown = deltas[:-1]
    return len(shown) > 1 and bool((np.abs(shown - np.median(shown)) > 0.25 * np.median(shown)).any())


def unsupported_codec(found: str) -> UnsupportedCodec:
    return UnsupportedCodec(
        f"The pictures of this clip are coded as {found}, which is not read. Send {ACCEPTED_CLIPS}. {HOW_TO_CONVERT}"
    )
