"""What moved, where it is no expression: a blink, the gaze, speech, the head.

Two witnesses. The flow says whether anything moved beyond the eyes (movement_evidence.py); the landmarks of both frames
say what lids, irises, lips and jaw did. The limits lie well above the landmarks' jitter (about .5 % of the
inter-ocular distance) and were fixed on rendered people, docs/research/microexpression/0.3.0.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face.landmarks.found_face import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, Face
from face.swings import swings
from face.vocabulary import MovementKind

# Landmark pairs: upper and lower lid of each eye, inner lips, tip of the nose and chin, corners of the mouth.
LIDS = ((159, 145), (386, 374))
LIPS = (13, 14)
JAW = (1, 152)
CORNERS = (61, 291)
IRISES = ((468, RIGHT_EYE_CORNERS), (473, LEFT_EYE_CORNERS))

# Per cent of the inter-ocular distance; degrees.
LEAST_LIDS = 2.0
LEAST_GAZE = 1.0
LEAST_LIPS = 3.0
WARNED_LIPS = 1.5
LEAST_JAW = 2.0
LEAST_SMILE = 2.0
MOST_TURN_DEG = 2.5
LEAST_SWING = 2.0  # of the lips, opening or closing, smoothed over three frames


@dataclass(frozen=True)
class FaceChange:
    """Apex minus onset, per cent of each frame's inter-ocular distance: how much lids (mean of both eyes) and lips
    opened, the jaw went down, the mouth became wider; gaze: how far the irises moved against the eyes' corners."""

    lids: float
    lips: float
    jaw: float
    mouth_width: float
    gaze: float


def face_change(onset: Face, apex: Face) -> FaceChange:
    def apart(pair: tuple[int, int]) -> float:
        before, after = (
            float(np.linalg.norm(face.points[pair[0]] - face.points[pair[1]])) / face.interocular_px * 100
            for face in (onset, apex)
        )
        return after - before

    # Both irises together: one alone is jitter.
    moved = np.mean([_iris(apex, *eye) - _iris(onset, *eye) for eye in IRISES], axis=0)
    return FaceChange(
        lids=float(np.mean([apart(eye) for eye in LIDS])),
        lips=apart(LIPS),
        jaw=apart(JAW),
        mouth_width=apart(CORNERS),
        gaze=float(np.linalg.norm(moved)),
    )


def _iris(face: Face, iris: int, corners: tuple[int, int]) -> npt.NDArray[np.float64]:
    """(along, across) the line through the eye's corners, from their middle, per cent of the inter-ocular distance."""
    points = face.points[:, :2].astype(np.float64)
    first, second = points[list(corners)]
    along = (second - first) / np.linalg.norm(second - first)
    offset = points[iris] - (first + second) / 2
    return np.array([offset @ along, offset[1] * along[0] - offset[0] * along[1]]) / face.interocular_px * 100


def movement_kind(change: FaceChange, *, outside_eyes: Callable[[], bool], turned_deg: float) -> MovementKind:
    """outside_eyes: whether the flow is sure of a movement beyond the eyes' openings and lids; asked only where lids or
    gaze moved, since it takes time to find out."""
    lids, gaze = abs(change.lids) >= LEAST_LIDS, change.gaze >= LEAST_GAZE
    if (lids or gaze) and not outside_eyes():
        return "blink" if lids else "gaze"
    if turned_deg > MOST_TURN_DEG:
        return "head"
    # The mouth of a smile grows wider.
    if abs(change.lips) >= LEAST_LIPS and abs(change.jaw) >= LEAST_JAW and change.mouth_width < LEAST_SMILE:
        return "speech"
    return "expression"


def lip_swings(faces: Sequence[Face]) -> int:
    """How often the lips of a clip's frames, in the order of time, opened or closed by LEAST_SWING. An expression opens
    and closes them once; speech goes on."""
    apart = [float(np.linalg.norm(face.points[LIPS[0]] - face.points[LIPS[1]])) / face.interocular_px for face in faces]
    opening = np.convolve(np.pad(np.array(apart) * 100, 1, mode="edge"), np.full(3, 1 / 3), "valid")
    return len(swings(opening.tolist(), least=LEAST_SWING))
