"""How much of an examination a grade rests on, in one word and in one sentence."""

from __future__ import annotations

from typing import Literal, get_args

from face.vocabulary import POSES, REGIONS, Pose, Region

Evidence = Literal["full", "core", "partial", "single_movement", "single_photo"]
EVIDENCE: tuple[Evidence, ...] = get_args(Evidence)

# The movements that show a region, and what stands in for the network's reading where these are missing: a smile moves
# the midface, a pucker the mouth.
POSES_OF_REGION: dict[Region, tuple[Pose, ...]] = {
    "forehead": ("brow_lift",),
    "eye": ("gentle_closure", "tight_closure"),
    "nose": ("snarl",),
    "mouth": ("closed_smile", "full_smile"),
}
SUPPORT_OF_REGION: dict[Region, tuple[Pose, ...]] = {
    "forehead": (),
    "eye": (),
    "nose": ("closed_smile", "full_smile"),
    "mouth": ("pucker",),
}


def region_shown(pose: Pose) -> Region | None:
    """The region that a movement is made for; None for rest and for a pucker, which only lends support."""
    return next((region for region, poses in POSES_OF_REGION.items() if pose in poses), None)


def poses_of_regions(poses: frozenset[Pose]) -> dict[Region, tuple[Pose, ...]]:
    """Which of these pictures the network's reading of each region is taken from; a region without any is left out."""
    found: dict[Region, tuple[Pose, ...]] = {}
    for region in REGIONS:
        own = tuple(pose for pose in POSES_OF_REGION[region] if pose in poses)
        chosen = own or tuple(pose for pose in SUPPORT_OF_REGION[region] if pose in poses)
        if chosen:
            found[region] = chosen
    return found


def evidence_of(poses: frozenset[Pose]) -> Evidence:
    """full: every region by its own movement, and rest. core: forehead, eye and mouth. partial: two movements."""
    own = {region for region in REGIONS if poses & set(POSES_OF_REGION[region])}
    if len(own) == len(REGIONS) and "rest" in poses:
        return "full"
    if {"forehead", "eye", "mouth"} <= own:
        return "core"
    moving = len(poses - {"rest"})
    return "partial" if moving >= 2 else "single_movement" if moving else "single_photo"


def evidence_sentence(used: frozenset[Pose], sent: frozenset[Pose], still: frozenset[Pose]) -> str:
    """used: the pictures that show what they are named after; still: those that count as no movement."""
    read = used | still
    if not used - {"rest"} and not still:
        return (
            "Graded from one photograph at rest, as `grade` does: the scale is defined on movement, and none was seen. "
            "Add brow lift, closure of the eyes and a smile."
        )
    parts = [f"Graded from {len(read)} of {len(POSES)} poses"]
    missing = [pose for pose in POSES if pose not in sent]
    unused = [pose for pose in POSES if pose in sent and pose not in read]
    if missing:
        parts.append(f"missing: {', '.join(missing)}")
    if unused:
        parts.append(f"not used: {', '.join(unused)}")
    unread = [region for region in REGIONS if region not in poses_of_regions(read)]
    if unread:
        parts.append(f"not seen moving, and estimated from the others: {', '.join(unread)}")
    return "; ".join(parts) + "."
