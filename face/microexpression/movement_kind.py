"""What moved, where it is no expression: a blink, the gaze, speech, the head.

Two witnesses. The flow says whether anything moved beyond the eyes (movement_evidence.py); the landmarks of both frames
say what lids, irises, lips and jaw did. The limits lie well above the landmarks' jitter (about .5 % of the
inter-ocular distance) and were fixed on rendered people, docs/research/microexpression/0.3.0.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
LEAST_BROAD_SMILE = 5.0
LEAST_SEEN_BY_LANDMARKS = 8.0
MOST_TURN_DEG = 2.5
MOST_LEFT_BY_TURN = 1.5  # per degree
# The landmarks see three quarters of a turn: of two degrees about.
WARNED_TURN_DEG = 1.5
WARNED_TILT_DEG = 5.0
LEAST_SWING = 2.0  # of the lips, opening or closing, smoothed over three frames


@dataclass(frozen=True)
class FaceChange:
    """Apex minus onset, per cent of each frame's inter-ocular distance: how much lids (mean of both eyes) and lips
    opened, the jaw went down, the mouth became wider; gaze: how far the irises moved against the eyes' corners. turned,
    tilted: by how many degrees the head did, out of the picture's plane and in it."""

    lids: float
    lips: float
    jaw: float
    mouth_width: float
    gaze: float
    turned: float
    tilted: float


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
        turned=turned_between_deg(onset, apex),
        tilted=_tilted_between_deg(onset, apex),
    )


def seen_by_landmarks(change: FaceChange) -> bool:
    """Does the mouth move by so much that the landmarks show it by themselves, whatever the light does?"""
    return max(abs(change.lips), abs(change.jaw), abs(change.mouth_width)) >= LEAST_SEEN_BY_LANDMARKS


def turned_between_deg(onset: Face, apex: Face) -> float:
    """Angle between the two head poses without the tilt in the image plane (registration takes that out), degrees."""
    forward_onset, forward_apex = (_facing(face.pose) for face in (onset, apex))
    return float(np.degrees(np.arccos(np.clip(forward_onset @ forward_apex, -1, 1))))


def _facing(pose: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    direction = pose[:3, 2].astype(np.float64)
    unit: npt.NDArray[np.float64] = direction / np.linalg.norm(direction)
    return unit


def _tilted_between_deg(onset: Face, apex: Face) -> float:
    """Angle between the lines through the eyes, 0..180 degrees."""
    before, after = (complex(*np.diff(face.eye_centres, axis=0)[0]) for face in (onset, apex))
    return float(np.degrees(abs(np.angle(after / before))))


def _iris(face: Face, iris: int, corners: tuple[int, int]) -> npt.NDArray[np.float64]:
    """(along, across) the line through the eye's corners, from their middle, per cent of the inter-ocular distance."""
    points = face.points[:, :2].astype(np.float64)
    first, second = points[list(corners)]
    along = (second - first) / np.linalg.norm(second - first)
    offset = points[iris] - (first + second) / 2
    return np.array([offset @ along, offset[1] * along[0] - offset[0] * along[1]]) / face.interocular_px * 100


def movement_kind(change: FaceChange, *, moved: float, outside_eyes: Callable[[], bool]) -> MovementKind:
    """moved: by how much, per cent of the inter-ocular distance. outside_eyes: whether the flow is sure of a movement
    beyond the eyes' openings and lids; asked only where lids or gaze moved, since it takes time to find out."""
    lids, gaze = abs(change.lids) >= LEAST_LIDS, change.gaze >= LEAST_GAZE
    if (lids or gaze) and not outside_eyes():
        return "blink" if lids else "gaze"
    # The landmarks take a broad smile for a nod; what a turn leaves is smaller.
    if change.turned > MOST_TURN_DEG and moved < MOST_LEFT_BY_TURN * change.turned:
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


def smile_lasts(at_rest: Face, faces: Mapping[int, Face], apex: int, times: npt.NDArray[np.float64]) -> float:
    """Seconds for which the mouth stays wide about the apex of an event; none where the lips open and close meanwhile,
    as in speech, which widens the mouth by little and not for long.

    faces: those of the event by their frame numbers, in order; times: of every frame of the clip.
    """
    narrow = [number for number, face in faces.items() if face_change(at_rest, face).mouth_width < LEAST_BROAD_SMILE]
    after = max((number for number in narrow if number <= apex), default=-1)
    before = min((number for number in narrow if number >= apex), default=len(times))
    wide = [number for number in faces if after < number < before]
    if not wide or lip_swings([faces[number] for number in wide]) > 1:
        return 0.0
    return float(times[wide[-1]] - times[wide[0]])
