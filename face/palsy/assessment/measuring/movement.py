"""Is the movement that a picture's name promises seen in it, and which one is?

Everything is measured against the rest picture, on the half that moves *more*: a palsied half does not say what was
asked for. Gentle and tight closure, closed and full smile differ in degree only: between these two a picture is never
called another pose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from face.palsy.assessment.measuring.halves import Half
from face.palsy.assessment.measuring.picture import SessionPicture
from face.vocabulary import POSES, Pose

# What counts as seen, in raw landmark millimetres: below the 5th percentile of true movements of simulated people, so
# rounder and larger numbers would refuse true poses. Lengths are of the better half.
BROW_UP_MM = 1.5
CLOSURE = 0.45
CORNER_MM = 4.0
WIDER = 0.06
SNARL_MM = 1.0
NARROWER = 0.03
# No closure pulls the corner of the mouth so far.
_BROAD_SMILE_MM = 8.0
# Tight closure pulls the brows down, a full smile parts the lips: hints, where the two must be told apart.
_BROW_DOWN_MM = 0.5
_LIPS_APART_MM = 2.0

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


def activation(picture: SessionPicture, rest: SessionPicture, *, mm_per_unit: float) -> Activation:
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


def looks_like(seen: Activation) -> Pose:
    """The pose that the movement is most like. The order decides: a smile may close a synkinetic eye, and moves brow
    and upper lip too; a tight closure moves the upper lip."""
    smiles = seen.corner >= CORNER_MM and seen.wider >= WIDER
    if seen.closure >= CLOSURE and not (smiles and seen.corner >= _BROAD_SMILE_MM):
        return "tight_closure" if seen.brow_down >= _BROW_DOWN_MM else "gentle_closure"
    if smiles:
        return "full_smile" if seen.lips_apart >= _LIPS_APART_MM else "closed_smile"
    if seen.wider <= -NARROWER:
        return "pucker"
    if seen.brow_up >= BROW_UP_MM:
        return "brow_lift"
    if seen.upper_lip >= SNARL_MM and seen.ala >= SNARL_MM / 2:
        return "snarl"
    return "rest"


def same_movement(one: Pose, other: Pose) -> bool:
    return one == other or any({one, other} <= pair for pair in ALIKE)


def shows_another(pose: Pose, seen: Activation) -> bool:
    """Whether a closure or a smile is seen under another name: the movements that are too large to be a by-product. A
    snarl may look like a smile."""
    other = looks_like(seen)
    return not same_movement(pose, other) and (
        other in ALIKE[0] or (other in ALIKE[1] and pose not in ("snarl", *ALIKE[0]))
    )


def is_seen(pose: Pose, seen: Activation) -> bool:
    """Whether the movement is made on one side at least. Rest has nothing to see."""
    match pose:
        case "brow_lift":
            return seen.brow_up >= BROW_UP_MM
        case "gentle_closure" | "tight_closure":
            return seen.closure >= CLOSURE
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
    "gentle_closure": ("closing of the eyes", f"the lids close less than {CLOSURE:.0%} of their opening"),
    "tight_closure": ("closing of the eyes", f"the lids close less than {CLOSURE:.0%} of their opening"),
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


def other_pose_sentence(pose: Pose, looks: Pose) -> str:
    return (
        f"The picture `{pose}` looks like `{looks}`: the movement that it is named after is not visible, another one "
        "is. Send it under that name, or take it again."
    )


def calmest(pictures: Mapping[str, SessionPicture], *, mm_per_unit: float) -> str:
    """The name of the picture that can stand for rest: seen from rest the others show the most different movements, and
    more movement than seen from any other picture."""

    def movements(name: str) -> tuple[int, float]:
        seen = [activation(p, pictures[name], mm_per_unit=mm_per_unit) for n, p in pictures.items() if n != name]
        return len(movements_seen_from(name, pictures, mm_per_unit=mm_per_unit)), sum(_strength(one) for one in seen)

    return max(pictures, key=movements)


def movements_seen_from(name: str, pictures: Mapping[str, SessionPicture], *, mm_per_unit: float) -> set[Pose]:
    """What the other pictures show if this one is taken for rest."""
    others = [picture for other, picture in pictures.items() if other != name]
    return {looks_like(activation(one, pictures[name], mm_per_unit=mm_per_unit)) for one in others} - {"rest"}


def sort_by_movement(
    unsorted: Mapping[str, SessionPicture], rest: SessionPicture, taken: set[Pose], *, mm_per_unit: float
) -> dict[str, Pose]:
    """Which pose each unsorted picture stands for -> by its name; a picture whose movement is taken already has none.

    Where two pictures share a movement of two degrees, the stronger one is the tight closure or the full smile;
    otherwise the picture in which more moves is kept.
    """
    seen = {name: activation(picture, rest, mm_per_unit=mm_per_unit) for name, picture in unsorted.items()}
    wanted: dict[Pose, list[str]] = {}
    for name, measured in seen.items():
        wanted.setdefault(looks_like(measured), []).append(name)
    degrees: tuple[tuple[Pose, Pose, str], ...] = (
        ("gentle_closure", "tight_closure", "brow_down"),
        ("closed_smile", "full_smile", "lips_apart"),
    )
    for mild, strong, channel in degrees:
        group = wanted.pop(mild, []) + wanted.pop(strong, [])
        group.sort(key=lambda name: (getattr(seen[name], channel), name))
        free = [pose for pose in (strong, mild) if pose not in taken]
        if len(group) == 1 and len(free) == 2:
            free = [looks_like(seen[group[0]])]
        for pose in free:
            if group:
                wanted[pose] = [group.pop() if pose == strong else group.pop(0)]
    return {
        names[0]: pose
        for pose in POSES
        if pose not in taken and (names := sorted(wanted.get(pose, []), key=lambda name: -_strength(seen[name])))
    }


def _strength(seen: Activation) -> float:
    lengths = max(0.0, seen.brow_up) + seen.corner + max(0.0, seen.upper_lip)
    return lengths + 10 * seen.closure + 50 * max(0.0, -seen.wider)
