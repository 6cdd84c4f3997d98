"""A clip -> when a face moved: the curve of motion against a rest found in the clip, and its events.

Data flow: landmarks of every frame -> rest (the stillest stretch that looks like most of the clip) -> motion of every
frame against the middle of the rest (pair_motion.py) -> events where the motion is more than noise -> onset, apex,
offset. A clip in which nothing moves has no event; that is an answer, not an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face.errors import NoFace
from face.landmarks.found_face import Face
from face.microexpression.flow import ByteArray
from face.microexpression.pair_motion import PairMotion, pair_motion, turned_between_deg
from face.microexpression.registration import STABLE_POINTS
from face.microexpression.spec import MicroExpressionSpec
from face.vocabulary import MovementKind

FEWEST_FRAMES = 3
REST_S = 0.2  # what counts as a rest
JOIN_S = 0.1  # a gap that short is none
EDGE_SHARE = 0.3  # onset and offset: where the motion is that share of the apex's
AROUND_APEX_S = 0.05  # frames that speak for the kind and the class of an event

Figures = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """rgb (H, W, 3) uint8; face: None where none was found."""

    rgb: ByteArray
    face: Face | None


@dataclass(frozen=True, eq=False)
class Event:
    """onset, apex, offset: frame numbers. around: the motion of the frames next to the apex, the apex among them, from
    which kind and class are read. An event that the clip cuts off begins at its first or ends at its last frame."""

    onset: int
    apex: int
    offset: int
    kind: MovementKind
    reliability: float
    around: tuple[PairMotion, ...]


@dataclass(frozen=True, eq=False)
class SpottedClip:
    """motion (frames,): per cent of the inter-ocular distance against the rest, NaN where no face was found or the head
    had turned too far. rest: first and last frame of it."""

    motion: Figures
    rest: tuple[int, int]
    events: tuple[Event, ...]


def spot(frames: Sequence[Frame], *, fps: float, spec: MicroExpressionSpec) -> SpottedClip:
    """Raises ValueError for fewer than 3 frames or an fps that is not above 0, NoFace where too few frames show one."""
    if len(frames) < FEWEST_FRAMES or not fps > 0:
        raise ValueError(f"a clip needs at least {FEWEST_FRAMES} frames and an fps above 0, got {len(frames)}, {fps}")
    seen = [number for number, frame in enumerate(frames) if frame.face is not None]
    if len(seen) < max(FEWEST_FRAMES, len(frames) // 2):
        raise NoFace(
            f"a face was found in {len(seen)} of {len(frames)} frames, in at least half of them it is needed. "
            "Film the whole face from the front and in good light"
        )
    rest = find_rest(frames, fps=fps)
    middle = min(seen, key=lambda number: abs(number - (rest[0] + rest[1]) / 2))
    moved: list[PairMotion | None] = []
    for frame in frames:
        moved.append(_against(frames[middle], frame, spec))
    motion = np.array([np.nan if one is None else one.moved for one in moved])
    sure = np.array([one is not None and one.reliability >= spec.min_reliability for one in moved])
    spans = _joined(sure, gap=max(1, round(JOIN_S * fps)))
    events = [_event(first, last, motion, moved, fps=fps) for first, last in spans]
    return SpottedClip(motion=motion, rest=rest, events=tuple(event for event in events if event is not None))


def find_rest(frames: Sequence[Frame], *, fps: float) -> tuple[int, int]:
    """First and last frame of the stretch of REST_S in which the landmarks change least, and look most like the clip's
    median: a movement that is held still is no rest."""
    shapes = np.array([_shape(frame.face) for frame in frames])
    usual = np.nanmedian(shapes, axis=0)
    away = np.linalg.norm(shapes - usual, axis=(1, 2))
    change = np.linalg.norm(np.diff(shapes, axis=0), axis=(1, 2))
    length = min(len(frames), max(2, round(REST_S * fps) + 1))
    costs = [
        float(np.mean(away[first : first + length]) + np.mean(change[first : first + length - 1]))
        for first in range(len(frames) - length + 1)
    ]
    if not np.isfinite(costs).any():
        # No stretch without a frame that shows no face: the one frame that looks most like the others.
        best = int(np.nanargmin(away))
        return best, best
    first = int(np.nanargmin(costs))
    return first, first + length - 1


def _shape(face: Face | None) -> Figures:
    """(468, 2): the mesh with place, size and tilt of the head taken out by its stable points; NaN without a face."""
    if face is None:
        return np.full((468, 2), np.nan)
    points = face.points[:468, :2].astype(np.float64)
    stable = points[list(STABLE_POINTS)]
    right, left = face.eye_centres
    axis = (left - right) / face.interocular_px
    turn = np.array([[axis[0], axis[1]], [-axis[1], axis[0]]])
    return np.asarray((points - stable.mean(axis=0)) @ turn.T / face.interocular_px)


def _against(rest: Frame, frame: Frame, spec: MicroExpressionSpec) -> PairMotion | None:
    if rest.face is None or frame.face is None or turned_between_deg(rest.face, frame.face) > spec.max_turn_deg:
        return None
    return pair_motion(rest.rgb, rest.face, frame.rgb, frame.face, spec)


def _joined(sure: npt.NDArray[np.bool_], *, gap: int) -> list[tuple[int, int]]:
    """First and last index of the runs of True, those apart by at most `gap` taken as one; a run of a single frame is
    a flicker of the camera."""
    spans: list[tuple[int, int]] = []
    for number in np.flatnonzero(sure).tolist():
        if spans and number - spans[-1][1] <= gap:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    return [span for span in spans if span[1] > span[0]]


def _event(first: int, last: int, motion: Figures, moved: Sequence[PairMotion | None], *, fps: float) -> Event | None:
    """The event in frames first..last: apex at the largest motion, onset and offset where it is small again."""
    smooth = _smoothed(motion)
    if np.isnan(smooth[first : last + 1]).all():
        return None
    apex = first + int(np.nanargmax(smooth[first : last + 1]))
    small = smooth < EDGE_SHARE * smooth[apex]
    before, after = np.flatnonzero(small[: apex + 1]), np.flatnonzero(small[apex:])
    reach = max(1, round(AROUND_APEX_S * fps))
    around = [one for one in moved[max(0, apex - reach) : apex + reach + 1] if one is not None and one.kind != "none"]
    if not around:
        return None
    kinds = [one.kind for one in around]
    return Event(
        onset=int(before[-1]) if len(before) else 0,
        apex=apex,
        offset=apex + int(after[0]) if len(after) else len(motion) - 1,
        kind=max(set(kinds), key=kinds.count),
        reliability=max(one.reliability for one in around),
        around=tuple(around),
    )


def _smoothed(motion: Figures) -> Figures:
    """Mean of each frame and its neighbours, of those that are known."""
    padded = np.pad(motion, 1, constant_values=np.nan)
    stacked = np.stack([padded[:-2], padded[1:-1], padded[2:]])
    known = np.isfinite(stacked)
    total = np.where(known, stacked, 0).sum(axis=0)
    return np.where(np.isfinite(motion), total / np.maximum(known.sum(axis=0), 1), np.nan)
