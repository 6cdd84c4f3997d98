"""Items after eFACE, computed: static 100 - |100 - 100 A/H|, dynamic 100 times the share of movement (Auto-eFACE, Plast
Reconstr Surg 2021;147:467).

Not eFACE: that one is a clinician's. Automatic items score healthy faces lower than clinicians do, and flaccid ones
higher.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from face.palsy.assessment.findings import Findings
from face.palsy.assessment.measuring.picture import Measured
from face.vocabulary import Pose

_DYNAMIC: dict[str, Pose] = {
    "brow_elevation": "brow_lift",
    "gentle_closure": "gentle_closure",
    "full_closure": "tight_closure",
    "smile_commissure": "full_smile",
}
_OCULAR_POSES: tuple[Pose, ...] = ("closed_smile", "full_smile", "pucker")

Subscore = Literal["static", "dynamic", "synkinesis"]


@dataclass(frozen=True)
class AutoEface:
    """items: 0..100 each (a static one may be below 0 where the sides differ more than twofold, and is held to 0). The
    subscores are means of the items that are there, None where none is."""

    items: dict[str, float]
    static: float | None
    dynamic: float | None
    synkinesis: float | None


def auto_eface(findings: Findings, pictures: Mapping[Pose, Measured]) -> AutoEface:
    static: dict[str, float] = {}
    # Heights are counted from the line of the eyes.
    rest = pictures.get("rest")
    if rest is not None:
        a, h = rest.halves.affected_first(findings.affected)
        static = {
            "rest_brow": _even(a.brow_height, h.brow_height),
            # eFACE counts a wide eye down and a narrow one up.
            "rest_fissure": _even(h.fissure, a.fissure),
            "rest_commissure": _even(a.commissure[1], h.commissure[1]),
        }
    dynamic = {
        name: 100 * min(1.0, findings.shares[pose].value) for name, pose in _DYNAMIC.items() if pose in findings.shares
    }
    open_eyes = [pictures[pose].halves.affected_first(findings.affected) for pose in _OCULAR_POSES if pose in pictures]
    ocular = [100 * min(1.0, a.fissure / h.fissure) for a, h in open_eyes if h.fissure > 0]
    synkinesis = {"ocular_synkinesis": min(ocular)} if ocular else {}
    return AutoEface(
        items={**static, **dynamic, **synkinesis},
        static=_mean(static),
        dynamic=_mean(dynamic),
        synkinesis=_mean(synkinesis),
    )


def _even(affected: float, healthy: float) -> float:
    return max(0.0, 100 - abs(100 - 100 * affected / healthy)) if healthy > 0 else 0.0


def _mean(items: Mapping[str, float]) -> float | None:
    return sum(items.values()) / len(items) if items else None
