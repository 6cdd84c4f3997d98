"""A clip -> when a face moved: the curve of motion against a rest found in the clip, and its events.

Data flow: landmarks of every frame -> still stretches -> rest (the one that most of the clip moves least against) ->
motion of every frame against the middle of the rest (pair_motion.py) -> events where the motion is more than noise ->
onset, apex, offset -> events that came and went at once, not with the head's slow sway. A clip in which nothing moves
has no event; that is an answer, not an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from face.errors import NoFace
from face.landmarks.found_face import Face
from face.microexpression.clip_frame import ClipFrame, FacePiece
from face.microexpression.movement_kind import lip_swings, smile_lasts, turned_between_deg
from face.microexpression.pair_motion import PairMotion, pair_motion
from face.microexpression.registration import STABLE_POINTS
from face.microexpression.spec import MicroExpressionSpec
from face.vocabulary import MovementKind

FEWEST_FRAMES = 3
REST_S = 0.2  # what counts as a rest
REST_PART_S = 0.5  # each part of a clip that is so long offers a rest,
MOST_RESTS = 4  # up to so many,
REST_LOOKS = 9  # judged by so many frames of the clip
JOIN_S = 0.1  # a gap that short is none
EDGE_SHARE = 0.3  # onset and offset: where the motion is that share of the apex's
AROUND_APEX_S = 0.05  # frames that speak for the kind and the class of an event
MOST_AROUND = 5  # of those frames; a fast camera has more that say the same
SUDDEN_S = 0.24  # half of the longest micro-expression: before and after its apex the face looked otherwise
SUDDEN_FRAMES = 3  # next to the apex, by whose median that is judged
LEAST_CUT_OFF = 1.0  # per cent that an event moves whose beginning or end the clip does not show
LEAST_SLOW = 5.0  # per cent that an event moves which comes or goes slowly
SPEAKING_SHARE = 0.25  # of an event's frames, from which on it is speech, whatever its apex looks like
SPEAKING_S = 1.0  # looked at before an event and after it, too:
SPEAKING_SWINGS = 4  # so often the lips open or close in speech: twice each
SMILE_S = 0.5  # longer than a syllable: a mouth that stays wide for so long smiles

Figures = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Moved:
    """One frame against the rest, as `PairMotion` has it."""

    moved: float
    reliability: float
    kind: MovementKind


@dataclass(frozen=True)
class Event:
    """onset, apex, offset: frame numbers. around: those of the frames next to the apex, the apex among them, from which
    kind and class are read. An event that the clip cuts off begins at its first or ends at its last frame."""

    onset: int
    apex: int
    offset: int
    kind: MovementKind
    reliability: float
    around: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class SpottedClip:
    """motion (frames,): per cent of the inter-ocular distance against the rest, NaN where no face was found or the head
    had turned too far. rest: first and last frame of it. at_rest: the frame that all were measured against."""

    motion: Figures
    rest: tuple[int, int]
    at_rest: FacePiece
    events: tuple[Event, ...]


def spot(
    frames: Sequence[ClipFrame], spec: MicroExpressionSpec, *, progress: Callable[[float], object] = lambda _: None
) -> SpottedClip:
    """frames: in the order of time. progress: is told the share of them that was measured.

    Raises ValueError for fewer than 3 frames or times that do not ascend, NoFace where too few frames show one.
    """
    times = np.array([frame.time_s for frame in frames])
    if len(frames) < FEWEST_FRAMES or not (np.diff(times) > 0).all():
        raise ValueError(f"a clip needs at least {FEWEST_FRAMES} frames whose times ascend, got {times.tolist()}")
    seen = {number: frame.seen for number, frame in enumerate(frames) if frame.seen is not None}
    if len(seen) < max(FEWEST_FRAMES, len(frames) // 2):
        raise NoFace(
            f"a face was found in {len(seen)} of {len(frames)} frames, in at least half of them it is needed. "
            "Film the whole face from the front and in good light"
        )
    rests = still_stretches([None if frame.seen is None else frame.seen.face for frame in frames], times)
    rest = _rest_of_most(rests, seen, times, spec)
    at_rest = seen[_middle(rest, seen)]
    moved = []
    for number, frame in enumerate(frames, 1):
        moved.append(_moved(at_rest, frame.seen, spec))
        progress(number / len(frames))
    motion = np.array([np.nan if one is None else one.moved for one in moved])
    reliability = np.array([0.0 if one is None else one.reliability for one in moved])
    spans = _spans(reliability, times, spec)
    # Where the face is not at rest between two events, neither reaches into the other.
    starts = [0, *(last + 1 for _, last in spans)]
    ends = [*(first - 1 for first, _ in spans[1:]), len(frames) - 1]
    events = [
        _event(span, (start, end), motion, moved, times) for span, start, end in zip(spans, starts, ends, strict=False)
    ]
    events = [_spoken(event, moved, at_rest, seen, times) for event in events]
    kept = tuple(event for event in events if motion[event.apex] >= LEAST_SLOW or _is_sudden(event, seen, times, spec))
    return SpottedClip(motion=motion, rest=rest, at_rest=at_rest, events=kept)


def against_rest(at_rest: FacePiece, seen: FacePiece, spec: MicroExpressionSpec) -> PairMotion | None:
    """None where the head has turned too far to be compared."""
    if turned_between_deg(at_rest.face, seen.face) > spec.max_turn_deg:
        return None
    return pair_motion(at_rest.rgb, at_rest.face, seen.rgb, seen.face, spec)


def still_stretches(faces: Sequence[Face | None], times: Figures) -> list[tuple[int, int]]:
    """First and last frame of stretches of REST_S, one in each part of the clip: where the landmarks change least from
    frame to frame and look most like the clip's median, so that a movement that is held still is no rest. A clip that
    is hardly longer than one stretch offers single frames, since its middle may be the peak of a movement."""
    if times[-1] - times[0] < 2 * REST_S:
        known = [number for number, face in enumerate(faces) if face is not None]
        return [(one, one) for one in sorted({known[int(at)] for at in np.linspace(0, len(known) - 1, MOST_RESTS)})]
    shapes = np.array([_shape(face) for face in faces])
    usual = np.nanmedian(shapes, axis=0)
    away = np.linalg.norm(shapes - usual, axis=(1, 2))
    change = np.linalg.norm(np.diff(shapes, axis=0), axis=(1, 2))
    # The frame at which a stretch has lasted for REST_S, but for a thousandth: times are rounded.
    ends = np.searchsorted(times, times + REST_S * 0.999)
    stretches = [(first, max(first + 1, int(last))) for first, last in enumerate(ends) if last < len(times)]
    costs = np.array([np.mean(away[first : last + 1]) + np.mean(change[first:last]) for first, last in stretches])
    if not np.isfinite(costs).any():
        # No stretch without a frame that shows no face: the one frame that looks most like the others.
        best = int(np.nanargmin(away))
        return [(best, best)]
    parts = int(np.clip((times[-1] - times[0]) / REST_PART_S, 1, MOST_RESTS))
    found = []
    for part in np.array_split(np.arange(len(stretches)), parts):
        if np.isfinite(costs[part]).any():
            found.append(stretches[part[int(np.nanargmin(costs[part]))]])
    return found


def _rest_of_most(
    rests: Sequence[tuple[int, int]], seen: Mapping[int, FacePiece], times: Figures, spec: MicroExpressionSpec
) -> tuple[int, int]:
    """The stretch against which frames from all over the clip move least.

    Landmarks alone do not tell: a small movement lies within their jitter, and its frames look still at its peak. So a
    stretch that looks otherwise than before it and than after it is taken only where there is no other.
    """
    if len(rests) == 1:
        return rests[0]
    numbers = sorted(seen)
    looks = [numbers[int(at)] for at in np.linspace(0, len(numbers) - 1, min(REST_LOOKS, len(numbers))).round()]

    def cost(rest: tuple[int, int]) -> tuple[bool, float]:
        middle = _middle(rest, seen)
        sides = _against_before_and_after([middle], seen, times, spec)
        peak = all(_median(side, "reliability") >= spec.min_reliability for side in sides)
        usual = [against_rest(seen[middle], seen[number], spec) for number in looks]
        return peak, float(np.median([np.inf if one is None else one.moved for one in usual]))

    return min(rests, key=cost)


def _middle(rest: tuple[int, int], seen: Mapping[int, FacePiece]) -> int:
    """The frame with a face next to the middle of a rest."""
    return min(seen, key=lambda number: abs(number - (rest[0] + rest[1]) / 2))


def _is_sudden(event: Event, seen: Mapping[int, FacePiece], times: Figures, spec: MicroExpressionSpec) -> bool:
    """Whether the face looked otherwise SUDDEN_S before and after the event's apex.

    A head that is held still sways by a degree in seconds, and what that leaves of an uneven face can be sure of a
    movement; in a quarter of a second it sways by little. An event at the clip's edge has one side only, and is to move
    the further.
    """
    about = sorted(event.around, key=lambda number: abs(number - event.apex))[:SUDDEN_FRAMES]
    sides = _against_before_and_after(about, seen, times, spec)
    least = LEAST_CUT_OFF if len(sides) == 1 else 0.0
    return all(
        _median(side, "reliability") >= spec.sure_reliability and _median(side, "moved") >= least for side in sides
    )


def _against_before_and_after(
    numbers: Sequence[int], seen: Mapping[int, FacePiece], times: Figures, spec: MicroExpressionSpec
) -> list[list[PairMotion | None]]:
    """Frames against those SUDDEN_S before them, and after them; a side that the clip does not reach is left out. In a
    clip that is shorter than three times that, a third of it."""
    step = min(SUDDEN_S, (times[-1] - times[0]) / 3)
    sides = []
    for shift in (-step, step):
        within = [number for number in numbers if times[0] <= times[number] + shift <= times[-1]]
        others = [min(seen, key=lambda one: abs(times[one] - at)) for at in times[within] + shift]
        if within:
            sides.append(
                [against_rest(seen[other], seen[number], spec) for other, number in zip(others, within, strict=True)]
            )
    return sides


def _median(compared: Sequence[PairMotion | None], figure: Literal["reliability", "moved"]) -> float:
    return float(np.median([0.0 if one is None else getattr(one, figure) for one in compared]))


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


def _moved(at_rest: FacePiece, seen: FacePiece | None, spec: MicroExpressionSpec) -> _Moved | None:
    moved = None if seen is None else against_rest(at_rest, seen, spec)
    return None if moved is None else _Moved(moved.moved, moved.reliability, moved.kind)


def _spans(reliability: Figures, times: Figures, spec: MicroExpressionSpec) -> list[tuple[int, int]]:
    """First and last frame of the runs in which something moved, those apart by at most JOIN_S taken as one.

    A run of a single frame is a flicker of the camera, and one that is never quite sure is a head's or a lamp's.
    """
    spans: list[tuple[int, int]] = []
    for number in np.flatnonzero(reliability >= spec.min_reliability).tolist():
        if spans and times[number] - times[spans[-1][1]] <= max(JOIN_S, 1.5 * np.median(np.diff(times))):
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    return [
        (first, last)
        for first, last in spans
        if last > first and reliability[first : last + 1].max() >= spec.sure_reliability
    ]


def _event(
    span: tuple[int, int], reach: tuple[int, int], motion: Figures, moved: Sequence[_Moved | None], times: Figures
) -> Event:
    """The event in the frames of `span`: apex at the largest motion, onset and offset where it is small again, both
    within `reach`."""
    first, last = span
    smooth = _smoothed(motion)
    apex = first + int(np.nanargmax(smooth[first : last + 1]))
    small = smooth < EDGE_SHARE * smooth[apex]
    before, after = np.flatnonzero(small[reach[0] : apex + 1]), np.flatnonzero(small[apex : reach[1] + 1])
    sure = {
        number: one
        for number, one in enumerate(moved[first : last + 1], first)
        if one is not None and one.kind != "none"
    }
    near = [number for number in sure if abs(times[number] - times[apex]) <= AROUND_APEX_S]
    # The apex may lie in a gap between two sure frames.
    around = sorted(sorted(near or sure, key=lambda number: abs(number - apex))[:MOST_AROUND])
    kinds = [sure[number].kind for number in around]
    kind = max(set(kinds), key=kinds.count)
    return Event(
        onset=reach[0] + int(before[-1]) if len(before) else reach[0],
        apex=apex,
        offset=apex + int(after[0]) if len(after) else reach[1],
        kind=kind,
        reliability=max(one.reliability for one in sure.values()),
        around=tuple(around),
    )


def _spoken(
    event: Event, moved: Sequence[_Moved | None], at_rest: FacePiece, seen: Mapping[int, FacePiece], times: Figures
) -> Event:
    """The event as speech, where the lips speak in a part of it, or where it looks like an expression and they go on
    opening and closing about it; but not where the apex lies in a smile that stays, whatever was said before it."""
    within = {number: seen[number].face for number in sorted(seen) if event.onset <= number <= event.offset}
    if event.kind == "expression" and smile_lasts(at_rest.face, within, event.apex, times) >= SMILE_S:
        return event
    kinds = [one.kind for one in moved[event.onset : event.offset + 1] if one is not None and one.kind != "none"]
    if kinds.count("speech") >= SPEAKING_SHARE * len(kinds):
        return replace(event, kind="speech")
    lasts = times[event.offset] - times[event.onset] + 2 * SPEAKING_S
    # As long a time at the clip's edge as in its middle.
    first = max(times[0], min(times[event.onset] - SPEAKING_S, times[-1] - lasts))
    about = [seen[number].face for number in sorted(seen) if first <= times[number] <= first + lasts]
    speaks = event.kind == "expression" and lip_swings(about) >= SPEAKING_SWINGS
    return replace(event, kind="speech") if speaks else event


def _smoothed(motion: Figures) -> Figures:
    """Mean of each frame and its neighbours, of those that are known."""
    padded = np.pad(motion, 1, constant_values=np.nan)
    stacked = np.stack([padded[:-2], padded[1:-1], padded[2:]])
    known = np.isfinite(stacked)
    total = np.where(known, stacked, 0).sum(axis=0)
    return np.where(np.isfinite(motion), total / np.maximum(known.sum(axis=0), 1), np.nan)
