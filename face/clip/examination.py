"""A face over the time of a clip -> its rest, its movements by name, and how each side runs through them.

What a movement is, and which one, is decided by what decides it for photographs (`face.palsy.assessment.measuring`);
the clip only adds when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from face.clip.curves.blinks import Blink, find_blinks
from face.clip.curves.dynamics import SideDynamics, SidesCompared, compare_sides, side_dynamics
from face.clip.curves.movements import Movement, find_movements, repeatability
from face.clip.curves.rest import find_rest
from face.clip.curves.smoothing import FloatArray
from face.clip.curves.talk import find_talk
from face.clip.levels import is_of_mouth, level_of, levels, without_mouth
from face.clip.looks import TimedFace
from face.clip.script import Script
from face.errors import NoFace, NoUsablePicture
from face.landmarks.canonical import pose_corrected
from face.palsy.assessment.fitted import FittedNumbers
from face.palsy.assessment.measuring.halves import Half, Halves, measure_halves
from face.palsy.assessment.measuring.movement import (
    BROW_UP_MM,
    CLOSURE,
    CORNER_MM,
    SNARL_MM,
    Activation,
    activation,
    looks_like,
    sort_by_movement,
)
from face.palsy.assessment.measuring.scale import NOMINAL_MM_PER_UNIT, mm_per_unit_by_iris
from face.vocabulary import POSES, Pose, Side

# The fewest pictures with a face, and their least share of the clip, from which something can be said.
_LEAST_SEEN, _LEAST_SHARE = 10, 0.5
# Both flanks of a movement are looked at from rest on.
_MARGIN_S = 0.3


@dataclass(frozen=True, eq=False)
class SeenFace:
    """One picture's face without the head's turn; `Measured` of the assessment."""

    points: npt.NDArray[np.float32]
    halves: Halves

    @classmethod
    def of(cls, points: npt.NDArray[np.float32]) -> SeenFace:
        return cls(points, measure_halves(points))


@dataclass(frozen=True)
class SideCurves:
    """(N,) each, one side's distances from rest; NaN where no face was seen. brow_mm, corner_mm, upper_lip_mm: upwards,
    the corner of the mouth also outwards. opening: of the eye, as a share of its opening at rest."""

    brow_mm: FloatArray
    opening: FloatArray
    corner_mm: FloatArray
    upper_lip_mm: FloatArray

    def of(self, pose: Pose) -> FloatArray | None:
        """The curve that the movement is about; None for a pucker, whose sides move together."""
        match pose:
            case "brow_lift":
                return self.brow_mm
            case "gentle_closure" | "tight_closure":
                return 1 - self.opening
            case "closed_smile" | "full_smile":
                return self.corner_mm
            case "snarl":
                return self.upper_lip_mm
            case _:
                return None


@dataclass(frozen=True, eq=False)
class ClipExamination:
    """times_s: (N,). at_rest, talks: (N,); what the mouth does where the patient talks is no movement. With a script
    nobody looks for talk. rest_s: of the picture that is most like the median of rest. movements: all, by time; a
    movement's channel is the pose that it looks like. chosen: of each pose the one to be judged, of repeated ones the
    strongest. seen_share: of the pictures that show the face."""

    times_s: FloatArray
    at_rest: npt.NDArray[np.bool_]
    talks: npt.NDArray[np.bool_]
    rest_s: float
    movements: tuple[Movement, ...]
    chosen: dict[Pose, Movement]
    left: SideCurves
    right: SideCurves
    blinks: tuple[Blink, ...]
    seen_share: float

    def dynamics(self, pose: Pose) -> tuple[SideDynamics | None, SideDynamics | None]:
        """Of the patient's left and right side in the chosen movement."""
        left, right = (self._during(pose, side) for side in (self.left, self.right))
        times = self._times(pose)
        return (
            None if left is None else side_dynamics(times, left),
            None if right is None else side_dynamics(times, right),
        )

    def sides_compared(self, pose: Pose, *, affected: Side) -> SidesCompared | None:
        """affected: left or right."""
        left, right = (self._during(pose, side) for side in (self.left, self.right))
        if left is None or right is None:
            return None
        late, early = (left, right) if affected == "left" else (right, left)
        return compare_sides(self._times(pose), affected=late, healthy=early)

    def repeatability(self, pose: Pose) -> float | None:
        """Relative difference of the two strongest repetitions; None for a movement that was made once."""
        others = [one for other, one in self.chosen.items() if other != pose]
        return repeatability([one.strength for one in self.movements if one.channel == pose and one not in others])

    def _inside(self, pose: Pose) -> npt.NDArray[np.bool_]:
        movement = self.chosen[pose]
        return (self.times_s >= movement.start_s - _MARGIN_S) & (self.times_s <= movement.end_s + _MARGIN_S)

    def _times(self, pose: Pose) -> FloatArray:
        return self.times_s[self._inside(pose)]

    def _during(self, pose: Pose, side: SideCurves) -> FloatArray | None:
        curve = side.of(pose)
        return None if curve is None else curve[self._inside(pose)]


def examine_clip(
    faces: Sequence[TimedFace], numbers: FittedNumbers, *, script: Script | None = None
) -> ClipExamination:
    """faces: of all pictures, in the order of time. script: what was asked for, and when; without it, rest and
    movements are found by themselves.

    Raises:
        NoFace: too few pictures show one.
        NoUsablePicture: the face is never at rest, so no movement can be measured.
    """
    times = np.array([face.time_s for face in faces])
    seen = [None if one.face is None else SeenFace.of(pose_corrected(one.face.points)) for one in faces]
    there = [face for face in seen if face is not None]
    if len(there) < max(_LEAST_SEEN, _LEAST_SHARE * len(seen)):
        raise NoFace(
            f"A face is seen in {len(there)} of {len(seen)} pictures of the clip; it should be in view from the first "
            "to the last, from the front, evenly lit and not covered."
        )
    mm = mm_per_unit_by_iris(face.halves for face in there) or NOMINAL_MM_PER_UNIT
    # First against the median of the clip, in thresholds: only to find rest.
    middle = SeenFace.of(np.median([face.points for face in there], axis=0).astype(np.float32))
    at_rest = script.at_rest(times) if script else None
    if at_rest is None:
        at_rest = find_rest(times, np.stack([_both_sides(face, middle, mm) for face in seen]))
    else:
        at_rest &= np.array([face is not None for face in seen])
    if at_rest is None or not at_rest.any():
        raise NoUsablePicture(
            "The face is never at rest in this clip, so no movement can be measured. Let the patient rest for a second "
            "before the first movement and between the movements."
        )
    resting = [face for face, still in zip(seen, at_rest, strict=True) if still and face is not None]
    rest = SeenFace.of(np.median([face.points for face in resting], axis=0).astype(np.float32))
    moved = [None if face is None else activation(face, rest, mm_per_unit=mm) for face in seen]
    talks = np.zeros(len(times), dtype=np.bool_)
    if script is None:
        talks = find_talk(times, np.array([np.nan if face is None else mm * face.halves.lips_apart for face in seen]))
        all_levels = np.stack([levels(one) for one in moved])
        strongest = np.where(talks, without_mouth(all_levels).max(axis=1), all_levels.max(axis=1))
        found = find_movements(times, {"any": strongest})
        movements = [one for one in _named(found, moved, times, numbers) if not _is_talk(one, talks)]
        chosen = _sorted(movements, seen, rest, mm, numbers)
    else:
        movements = script.movements(times, moved)
        chosen = {pose_of(one): one for one in sorted(movements, key=lambda one: one.strength)}
    left, right = (_curves(seen, rest, side, mm) for side in ("left", "right"))
    quiet = _quiet(times, movements)
    away = np.array([np.inf if face is None else np.abs(face.points - rest.points).max() for face in seen])
    return ClipExamination(
        times_s=times,
        at_rest=at_rest,
        talks=talks,
        rest_s=float(times[np.where(at_rest, away, np.inf).argmin()]),
        movements=tuple(movements),
        chosen=chosen,
        left=left,
        right=right,
        blinks=tuple(find_blinks(times, left=_only(left.opening, quiet), right=_only(right.opening, quiet))),
        seen_share=len(there) / len(seen),
    )


def _both_sides(face: SeenFace | None, middle: SeenFace, mm: float) -> FloatArray:
    """(12,): where brows, lids, corners and lips of both sides are, in thresholds."""
    if face is None:
        return np.full(12, np.nan)

    def of(now: Half, usual: Half) -> list[float]:
        return [
            mm * now.brow_height / BROW_UP_MM,
            now.fissure / usual.fissure / CLOSURE,
            mm * now.commissure[0] / CORNER_MM,
            mm * now.commissure[1] / CORNER_MM,
            mm * now.upper_lip[1] / SNARL_MM,
            mm * now.ala[1] / SNARL_MM,
        ]

    halves, usual = face.halves, middle.halves
    return np.array([*of(halves.left, usual.left), *of(halves.right, usual.right)])


def _named(
    found: Sequence[Movement], moved: Sequence[Activation | None], times: FloatArray, numbers: FittedNumbers
) -> list[Movement]:
    """Each movement under the pose that it looks like where it is largest; its apex is where that pose is largest, and
    its strength how large. What looks like rest, or is named after a movement that stays below its own threshold, is
    left out."""
    named = []
    for movement in found:
        largest = moved[movement.apex]
        pose = "rest" if largest is None else looks_like(largest, numbers)
        if pose == "rest":
            continue
        inside = np.flatnonzero((times >= movement.start_s) & (times <= movement.end_s))
        strengths = np.array([level_of(pose, moved[at]) for at in map(int, inside)])
        apex = int(inside[int(np.nanargmax(strengths))])
        strength = float(np.nanmax(strengths))
        named.append(replace(movement, channel=pose, apex=apex, apex_s=float(times[apex]), strength=strength))
    return [one for one in named if one.is_seen]


def _is_talk(movement: Movement, talks: npt.NDArray[np.bool_]) -> bool:
    return bool(talks[movement.apex]) and is_of_mouth(pose_of(movement))


def pose_of(movement: Movement) -> Pose:
    """That which a movement of an examined clip looks like, or stands for by the script."""
    return next(pose for pose in POSES if pose == movement.channel)


def _sorted(
    movements: Sequence[Movement],
    seen: Sequence[SeenFace | None],
    rest: SeenFace,
    mm_per_unit: float,
    numbers: FittedNumbers,
) -> dict[Pose, Movement]:
    """For each pose the movement to be judged, as unsorted photographs are put under poses."""
    apexes = {str(place): face for place, one in enumerate(movements) if (face := seen[one.apex]) is not None}
    poses = sort_by_movement(apexes, rest, set(), mm_per_unit=mm_per_unit, numbers=numbers)
    return {pose: movements[int(place)] for place, pose in poses.items() if pose != "rest"}


def _curves(seen: Sequence[SeenFace | None], rest: SeenFace, side: str, mm: float) -> SideCurves:
    before: Half = getattr(rest.halves, side)

    def of(face: SeenFace | None) -> tuple[float, float, float, float]:
        if face is None:
            return (np.nan,) * 4
        now: Half = getattr(face.halves, side)
        outwards, up = now.commissure[0] - before.commissure[0], before.commissure[1] - now.commissure[1]
        return (
            mm * (now.brow_height - before.brow_height),
            now.fissure / before.fissure,
            mm * (max(0.0, outwards) + max(0.0, up)),
            mm * (before.upper_lip[1] - now.upper_lip[1]),
        )

    brow, opening, corner, lip = np.array([of(face) for face in seen]).T
    return SideCurves(brow_mm=brow, opening=opening, corner_mm=corner, upper_lip_mm=lip)


def _quiet(times: FloatArray, movements: Sequence[Movement]) -> npt.NDArray[np.bool_]:
    """Where no movement goes on: in a smile the lids move anyway."""
    quiet = np.ones(len(times), dtype=np.bool_)
    for movement in movements:
        quiet &= (times < movement.start_s) | (times > movement.end_s)
    return quiet


def _only(curve: FloatArray, where: npt.NDArray[np.bool_]) -> FloatArray:
    return np.where(where, curve, np.nan)
