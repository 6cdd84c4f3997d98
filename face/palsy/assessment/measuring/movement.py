"""Is the movement that a picture's name promises seen in it, and which one is?

Everything is measured against the rest picture, on the half that moves *more*: a palsied half does not say what was
asked for. Gentle and tight closure, closed and full smile differ in degree only: between these two a picture is never
called another pose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass

import numpy as np

from face.palsy.assessment.fitted import FittedNumbers
from face.palsy.assessment.measuring.halves import Half
from face.palsy.assessment.measuring.picture import Measured
from face.vocabulary import POSES, Pose, Region

# What counts as seen, in raw landmark millimetres: below the 5th percentile of true movements of simulated people, so
# rounder and larger numbers would refuse true poses. Lengths are of the better half.
BROW_UP_MM = 1.5
CLOSURE = 0.45
# A picture of a closure is taken for one from here on: closures drawn on portraits move the landmarks of the lids by a
# third only, and two pictures at rest differ by less than .26 in 99 of 100.
CLOSURE_MADE = 0.3
CORNER_MM = 4.0
SNARL_MM = 1.0
NARROWER = 0.03
# In the order of the fitted classifier.
MOVEMENTS: tuple[Pose, ...] = tuple(pose for pose in POSES if pose != "rest")
# Gentle and tight, closed and full: apart in degree only.
ALIKE: tuple[frozenset[Pose], ...] = (
    frozenset({"gentle_closure", "tight_closure"}),
    frozenset({"closed_smile", "full_smile"}),
)


@dataclass(frozen=True)
class Activation:
    """How far a picture is from rest. Millimetres by the raw landmarks; closure: share of the resting fissure that is
    closed; wider: growth of the mouth's width as a share. Of the better half where there are two."""

    brow_up: float
    brow_down: float
    closure: float
    corner: float
    upper_lip: float
    ala: float
    wider: float
    lips_apart: float


def activation(picture: Measured, rest: Measured, *, mm_per_unit: float) -> Activation:
    pairs = [(getattr(picture.halves, side), getattr(rest.halves, side)) for side in ("left", "right")]
    brow_up = [mm_per_unit * (now.brow_height - before.brow_height) for now, before in pairs]
    return Activation(
        brow_up=max(brow_up),
        brow_down=-min(brow_up),
        closure=max(1 - now.fissure / before.fissure for now, before in pairs),
        corner=mm_per_unit * max(_corner(now, before) for now, before in pairs),
        upper_lip=mm_per_unit * max(before.upper_lip[1] - now.upper_lip[1] for now, before in pairs),
        ala=mm_per_unit * max(before.ala[1] - now.ala[1] for now, before in pairs),
        wider=picture.halves.mouth_width / rest.halves.mouth_width - 1,
        lips_apart=mm_per_unit * (picture.halves.lips_apart - rest.halves.lips_apart),
    )


def _corner(now: Half, before: Half) -> float:
    outwards, down = now.commissure[0] - before.commissure[0], now.commissure[1] - before.commissure[1]
    return max(0.0, outwards) + max(0.0, -down)


def looks_like(seen: Activation, numbers: FittedNumbers) -> Pose:
    """The movement that is seen: rest where no movement passes its limit, else the likeliest by a linear classifier."""
    if not any(is_seen(pose, seen) for pose in MOVEMENTS):
        return "rest"
    scores = numbers.movement_weights @ np.array(astuple(seen)) + numbers.movement_bias
    return MOVEMENTS[int(scores.argmax())]


def same_movement(one: Pose, other: Pose) -> bool:
    return one == other or any({one, other} <= pair for pair in ALIKE)


def shows_another(pose: Pose, seen: Activation, numbers: FittedNumbers) -> bool:
    """Whether a closure or a smile is seen under another name: the movements that are too large to be a by-product. A
    snarl may look like a smile."""
    other = looks_like(seen, numbers)
    return not same_movement(pose, other) and (
        other in ALIKE[0] or (other in ALIKE[1] and pose not in ("snarl", *ALIKE[0]))
    )


def is_seen(pose: Pose, seen: Activation) -> bool:
    """Whether the movement is made on one side at least. Rest has nothing to see."""
    match pose:
        case "brow_lift":
            return seen.brow_up >= BROW_UP_MM
        case "gentle_closure" | "tight_closure":
            return seen.closure >= CLOSURE_MADE
        case "closed_smile" | "full_smile":
            return seen.corner >= CORNER_MM
        case "snarl":
            return seen.upper_lip + max(0.0, seen.ala) >= SNARL_MM
        case "pucker":
            return seen.wider <= -NARROWER
        case "rest":
            return True


_NOT_SEEN: dict[Pose, tuple[str, str]] = {
    "brow_lift": ("lift of the brows", f"the brows rise less than {BROW_UP_MM:g} mm"),
    "gentle_closure": ("closing of the eyes", f"the lids close less than {CLOSURE_MADE:.0%} of their opening"),
    "tight_closure": ("closing of the eyes", f"the lids close less than {CLOSURE_MADE:.0%} of their opening"),
    "closed_smile": ("smile", f"the corners of the mouth move less than {CORNER_MM:g} mm"),
    "full_smile": ("smile", f"the corners of the mouth move less than {CORNER_MM:g} mm"),
    "snarl": ("wrinkling of the nose", f"upper lip and sides of the nose rise less than {SNARL_MM:g} mm"),
    "pucker": ("pucker", f"the mouth gets less than {NARROWER:.0%} narrower"),
}  # fmt: skip


def not_seen_sentence(pose: Pose) -> str:
    movement, measured = _NOT_SEEN[pose]
    where = "" if pose == "pucker" else " on both sides"
    return (
        f"No {movement} is visible in the picture `{pose}`: {measured}{where}. Either the movement was not made, or "
        "both sides cannot make it (then send effort_confirmed=true)."
    )


def covered_sentence(pose: Pose, region: Region) -> str:
    word = "midface" if region == "nose" else region
    return (
        f"Too little of the {word} is seen in the picture `{pose}`: hair, a hand or the picture's border hides it. "
        f"Take "
        "the picture again without."
    )


def other_pose_sentence(pose: Pose, looks: Pose) -> str:
    return (
        f"The picture `{pose}` looks like `{looks}`: the movement that it is named after is not visible, another one "
        "is. Send it under that name, or take it again."
    )


def movement_shown(pictures: Mapping[str, Measured], *, mm_per_unit: float) -> dict[str, float]:
    """By name, how much movement a picture shows if each of the others in turn is taken for rest: rest has the
    least."""

    def moved(name: str) -> float:
        seen = [activation(pictures[name], p, mm_per_unit=mm_per_unit) for n, p in pictures.items() if n != name]
        return sum(_strength(one) for one in seen)

    return {name: moved(name) for name in pictures}


def sort_by_movement(
    unsorted: Mapping[str, Measured],
    rest: Measured,
    taken: set[Pose],
    *,
    mm_per_unit: float,
    numbers: FittedNumbers,
) -> dict[str, Pose]:
    """Which pose each unsorted picture stands for -> by its name; a picture whose movement is taken already has none.

    Where two pictures share a movement of two degrees, the stronger one is the tight closure or the full smile;
    otherwise the picture in which more moves is kept.
    """
    seen = {name: activation(picture, rest, mm_per_unit=mm_per_unit) for name, picture in unsorted.items()}
    wanted: dict[Pose, list[str]] = {}
    for name, measured in seen.items():
        wanted.setdefault(looks_like(measured, numbers), []).append(name)
    degrees: tuple[tuple[Pose, Pose, str], ...] = (
        ("gentle_closure", "tight_closure", "brow_down"),
        ("closed_smile", "full_smile", "lips_apart"),
    )
    for mild, strong, channel in degrees:
        group = wanted.pop(mild, []) + wanted.pop(strong, [])
        group.sort(key=lambda name: (getattr(seen[name], channel), name))
        free = [pose for pose in (strong, mild) if pose not in taken]
        if len(group) == 1 and len(free) == 2:
            free = [looks_like(seen[group[0]], numbers)]
        for pose in free:
            if group:
                wanted[pose] = [group.pop() if pose == strong else group.pop(0)]
    return {
        names[0]: pose
        for pose in POSES
        if pose not in taken and (names := sorted(wanted.get(pose, []), key=lambda name: -_strength(seen[name])))
    }


def _strength(seen: Activation) -> float:
    """One number for how much moves. The weights were chosen on simulated people so that rest is found among their
    pictures."""
    return (
        3.0 * max(0.0, seen.brow_up)
        + 1.25 * max(0.0, seen.brow_down)
        + 0.15 * seen.corner
        + 2.5 * max(0.0, seen.upper_lip)
        + 1.5 * max(0.0, seen.ala)
        + 15.0 * max(0.0, seen.closure)
        + 70.0 * max(0.0, -seen.wider)
        + 30.0 * max(0.0, seen.wider)
    )
