"""The clinical views a patient is asked for, as intended face-unit weights at full effort, the same on both sides."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pose:
    """One asked-for movement.

    units: weight of each sided unit at full effort, without its Left or Right.
    jaw_open: weight of the jaw, which the facial nerve does not move.
    closes_eyes, moves_mouth: what synkinesis and Bell's phenomenon follow from.
    """

    name: str
    units: dict[str, float] = field(default_factory=dict)
    jaw_open: float = 0.0
    closes_eyes: bool = False
    moves_mouth: bool = False


MOVEMENTS: dict[str, Pose] = {
    pose.name: pose
    for pose in (
        Pose("rest"),
        Pose("brow_lift", {"browInnerUp": 0.8, "browOuterUp": 1.0, "frontalis": 1.0, "eyeWide": 0.4}),
        Pose("gentle_closure", {"eyeBlink": 0.95}, closes_eyes=True),
        Pose(
            "tight_closure",
            {"eyeBlink": 1.0, "eyeSquint": 0.9, "cheekSquint": 0.7, "browDown": 0.6, "noseSneer": 0.3},
            closes_eyes=True,
        ),
        Pose(
            "closed_smile",
            {"mouthSmile": 0.85, "cheekSquint": 0.35, "mouthDimple": 0.3},
            moves_mouth=True,
        ),
        Pose(
            "full_smile",
            {"mouthSmile": 0.9, "cheekSquint": 0.45, "mouthUpperUp": 0.55, "mouthLowerDown": 0.45},
            jaw_open=0.10,
            moves_mouth=True,
        ),
        Pose(
            "snarl",
            {"noseSneer": 1.0, "mouthUpperUp": 0.7, "browDown": 0.35, "cheekSquint": 0.4},
            moves_mouth=True,
        ),
        Pose("pucker", {"mouthPucker": 1.2, "mouthFunnel": 0.2}, moves_mouth=True),
    )
}

# The region of the face whose severity weakens a unit.
UNIT_REGION: dict[str, str] = {
    "browDown": "forehead",
    "browInnerUp": "forehead",
    "browOuterUp": "forehead",
    "frontalis": "forehead",
    "eyeBlink": "eye",
    "eyeSquint": "eye",
    "eyeWide": "eye",
    "cheekSquint": "eye",
    "noseSneer": "nose",
    "mouthUpperUp": "nose",
    "mouthSmile": "mouth",
    "mouthDimple": "mouth",
    "mouthFrown": "mouth",
    "mouthLowerDown": "mouth",
    "mouthPress": "mouth",
    "mouthStretch": "mouth",
    "mouthPucker": "mouth",
    "mouthFunnel": "mouth",
    "cheekPuff": "mouth",
}
