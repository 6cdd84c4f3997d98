"""Pictures of a clip -> the landmarks of one face in each.

The detector finds the face once; from then on each picture is looked at where the one before had it, by the landmark
network alone. Only where that sees no face any more the detector searches again. Once a second it looks whether
somebody else has come into the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from face.clip.frame import Frame
from face.errors import MultipleFaces, NoFace
from face.landmarks.found_face import Face
from face.landmarks.landmarker import FaceLandmarker
from face.vocabulary import FacePolicy

# A face that is gone is searched for five times a second: searching takes ten times as long as following.
_SEARCH_EVERY_S = 0.2
_OTHERS_EVERY_S = 1.0


@dataclass(frozen=True, eq=False)
class TimedFace:
    """index, time_s: as of the frame. face: by one look, in pixels of the frame turned counter-clockwise by
    quarter_turns; None where no face is seen."""

    index: int
    time_s: float
    face: Face | None
    quarter_turns: int = 0


def follow_face(frames: Iterable[Frame], landmarker: FaceLandmarker, *, policy: FacePolicy) -> Iterator[TimedFace]:
    """One for each frame, in the same order. `policy` says what happens where several people are seen: `single`
    refuses, `largest` follows the one that is largest where the face was first seen.

    Raises:
        MultipleFaces: under the policy `single`, with the time.
    """
    before: Face | None = None
    turns = 0
    search_at = others_at = -1.0
    for frame in frames:
        upright = np.ascontiguousarray(np.rot90(frame.rgb, turns)) if turns else frame.rgb
        face: Face | None = None
        if before is not None:
            look = landmarker.follow(upright, before)
            face = look.face if look is not None and _is_same(look.face, before) else None
        elif frame.time_s >= search_at:
            try:
                found = landmarker.look(frame.rgb, policy=policy, both_ways=False)
            except NoFace:
                search_at = frame.time_s + _SEARCH_EVERY_S
            except MultipleFaces as error:
                raise _crowd(frame, error) from error
            else:
                face, turns = found.face, found.quarter_turns
                others_at = frame.time_s + _OTHERS_EVERY_S
        if face is not None and policy == "single" and frame.time_s >= others_at:
            others_at = frame.time_s + _OTHERS_EVERY_S
            if len(seen := landmarker.detect(upright)) > 1:
                raise _crowd(frame, MultipleFaces(f"{len(seen)} faces were found."))
        before = face
        yield TimedFace(frame.index, frame.time_s, face, turns)


def _is_same(now: Face, before: Face) -> bool:
    """No face grows by half or moves by half its size from one picture to the next: the network has let go of it."""
    moved = np.linalg.norm(now.points[:, :2].mean(axis=0) - before.points[:, :2].mean(axis=0))
    return bool(2 / 3 < now.size_px / before.size_px < 3 / 2 and moved < before.size_px / 2)


def _crowd(frame: Frame, error: MultipleFaces) -> MultipleFaces:
    return MultipleFaces(
        f"At {frame.time_s:.1f} s: {error.message.split('.')[0]}. Record the patient alone, or ask for the largest "
        "face with face=largest."
    )
