"""What was asked for in a clip, and when: `rest:0-2,brow_lift:3-6`, in seconds."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from face.clip.curves.movements import Movement
from face.clip.curves.smoothing import FloatArray
from face.clip.levels import level_of
from face.palsy.assessment.measuring.movement import Activation
from face.vocabulary import POSES, Pose

_PART = re.compile(r"\s*(\w+)\s*:\s*([0-9.]{1,12})\s*-\s*([0-9.]{1,12})\s*")
_MOST_PARTS = 40
_HOW = "Write it like rest:0-2,brow_lift:3-6, in seconds, or leave it out: the movements are then found by themselves."


class WrongScript(ValueError):
    """A script that cannot be followed; the message says what to change."""


@dataclass(frozen=True)
class ScriptPart:
    pose: Pose
    from_s: float
    to_s: float

    def __str__(self) -> str:
        return f"{self.pose}:{self.from_s:g}-{self.to_s:g}"

    def inside(self, times_s: FloatArray) -> npt.NDArray[np.bool_]:
        return (times_s >= self.from_s) & (times_s <= self.to_s)


@dataclass(frozen=True)
class Script:
    """parts: by time, not overlapping; a movement may come several times."""

    parts: tuple[ScriptPart, ...]

    @classmethod
    def parse(cls, text: str) -> Script:
        """Raises WrongScript."""
        written = text.split(",")
        if len(written) > _MOST_PARTS:
            raise WrongScript(f"The script has {len(written)} parts; at most {_MOST_PARTS} are taken.")
        parts = sorted((_part(one) for one in written), key=lambda part: part.from_s)
        for before, after in pairwise(parts):
            if after.from_s < before.to_s:
                raise WrongScript(f"The parts {before} and {after} of the script overlap.")
        return cls(tuple(parts))

    def check(self, duration_s: float) -> None:
        """Raises WrongScript for a part that begins after the clip's end."""
        for part in self.parts:
            if part.from_s >= duration_s:
                raise WrongScript(f"The part {part} of the script begins after the clip's end at {duration_s:.1f} s.")

    def at_rest(self, times_s: FloatArray) -> npt.NDArray[np.bool_] | None:
        """(N,) of `times_s` in which the face was to be at rest; None where the script names no rest."""
        rests = [part.inside(times_s) for part in self.parts if part.pose == "rest"]
        return np.logical_or.reduce(rests) if rests else None

    def movements(self, times_s: FloatArray, moved: Sequence[Activation | None]) -> list[Movement]:
        """Each part's, under the name that the script gives it, also where little of it is seen. Its apex is where it
        is largest; a part in which no face is seen has none."""
        found = []
        for part in self.parts:
            inside = np.flatnonzero(part.inside(times_s))
            seen = [int(at) for at in inside if moved[int(at)] is not None]
            if part.pose == "rest" or not seen:
                continue
            apex = max(seen, key=lambda at: level_of(part.pose, moved[at]))
            found.append(
                Movement(
                    channel=part.pose,
                    start_s=float(times_s[inside[0]]),
                    apex_s=float(times_s[apex]),
                    end_s=float(times_s[inside[-1]]),
                    apex=apex,
                    strength=level_of(part.pose, moved[apex]),
                )
            )
        return found


def _part(text: str) -> ScriptPart:
    match = _PART.fullmatch(text)
    if match is None:
        raise WrongScript(f"The part {text[:40]!r} of the script cannot be read. {_HOW}")
    name = match[1]
    pose = next((pose for pose in POSES if pose == name), None)
    if pose is None:
        near = difflib.get_close_matches(name, POSES, n=1)
        meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(POSES)}."
        raise WrongScript(f"The script names {name[:40]!r}, which is no movement; {meant}")
    try:
        from_s, to_s = float(match[2]), float(match[3])
    except ValueError as error:
        raise WrongScript(f"The part {text[:40]!r} of the script has no two numbers. {_HOW}") from error
    if not (math.isfinite(to_s) and from_s < to_s):
        raise WrongScript(f"The part {text[:40]!r} of the script ends before it begins. {_HOW}")
    return ScriptPart(pose, from_s, to_s)
