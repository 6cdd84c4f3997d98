"""The grade once more, by rules on measures alone, each step in words and numbers: the explanation beside the
network's.

The order is that of the House-Brackmann table read from its worst row on; the thresholds are start values of this
project, not clinical data. What was not seen decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from face.palsy.assessment.evidence import POSES_OF_REGION
from face.palsy.assessment.findings import CLOSED_SHARE, Findings
from face.palsy.assessment.measuring.signs import COMMISSURE_NOTICED_MM
from face.vocabulary import HouseBrackmann, Pose

NO_MOVEMENT, MOVES_STILL = 0.10, 0.25
FOREHEAD_SLIGHT = 0.60
MOUTH_BARELY, MOUTH_HALF, MOUTH_WEAK = 0.35, 0.60, 0.75
SLIGHTLY_WEAK = 0.85

Step = Literal["rest_symmetry", "movement_left", "forehead", "eye_closure", "gentle_closure", "mouth", "synkinesis"]


@dataclass(frozen=True)
class DecisionStep:
    """value: what was measured; threshold: what it was held against; unit: of both. result: in a few words. points_to:
    the grades that the step speaks for."""

    step: Step
    value: float
    threshold: float
    unit: Literal["1", "mm", "{score}"]
    poses: tuple[Pose, ...]
    result: str
    points_to: tuple[HouseBrackmann, ...]


def decision_path(findings: Findings) -> tuple[list[DecisionStep], HouseBrackmann | None]:
    """The steps that could be taken, and the grade by them; None where no region's movement was seen."""
    steps = [step for step in (_rest(findings), _movement_left(findings), *_regions(findings)) if step is not None]
    return steps, _rule_grade(findings)


def _rest(findings: Findings) -> DecisionStep | None:
    rest = findings.rest
    if rest is None:
        return None
    return DecisionStep(
        "rest_symmetry", abs(rest.commissure), COMMISSURE_NOTICED_MM, "mm", ("rest",),
        f"{'asymmetric' if rest.asymmetric else 'symmetric'} at rest: lids {abs(rest.fissure):.1f} mm, corners of the "
        f"mouth {abs(rest.commissure):.1f} mm, brows {abs(rest.brow):.1f} mm apart",
        ("V", "VI") if rest.asymmetric else ("I", "II", "III", "IV"),
    )  # fmt: skip


def _movement_left(findings: Findings) -> DecisionStep | None:
    shares = _seen(findings)
    if not shares:
        return None
    most, poses = max(shares), tuple(pose for share in findings.regions.values() if share for pose in share.poses)
    still = most < NO_MOVEMENT
    result = (
        "no movement in any region that was seen" if still else f"the best region moves {most:.0%} of the other side"
    )
    points_to: tuple[HouseBrackmann, ...] = ("VI",) if still else ("I", "II", "III", "IV", "V")
    return DecisionStep("movement_left", most, NO_MOVEMENT, "1", poses, result, points_to)


def _regions(findings: Findings) -> Sequence[DecisionStep | None]:
    steps: list[DecisionStep | None] = []
    forehead, mouth = findings.share("forehead"), findings.share("mouth")
    if forehead is not None:
        if forehead < NO_MOVEMENT:
            result, points_to = "does not move", _grades("IV", "V", "VI")
        elif forehead < FOREHEAD_SLIGHT:
            result, points_to = "moves slightly to moderately", _grades("III")
        else:
            result, points_to = "moves well", _grades("I", "II")
        steps.append(DecisionStep("forehead", forehead, NO_MOVEMENT, "1", ("brow_lift",), result, points_to))
    for pose, step in (("tight_closure", "eye_closure"), ("gentle_closure", "gentle_closure")):
        steps.append(_closure(findings, "tight_closure" if pose == "tight_closure" else "gentle_closure", step))
    if mouth is not None:
        if mouth < MOUTH_BARELY:
            result, points_to = "moves barely", _grades("IV", "V", "VI")
        elif mouth < MOUTH_WEAK:
            result, points_to = "is weak", _grades("III", "IV")
        else:
            result, points_to = "moves well or is slightly weak", _grades("I", "II")
        steps.append(
            DecisionStep(
                "mouth", mouth, MOUTH_WEAK, "1",
                tuple(pose for pose in POSES_OF_REGION["mouth"] if pose in findings.shares), result, points_to,
            )
        )  # fmt: skip
    worst = findings.worst_synkinesis
    if worst is not None:
        words = ("none seen", "slight", "obvious", "disfiguring")
        points_to = (_grades("I", "II"), _grades("II"), _grades("III"), _grades("IV"))[worst]
        poses = tuple(pose for pose, several in findings.synkinesis.items() if any(o.grade == worst for o in several))
        steps.append(DecisionStep("synkinesis", float(worst), 1.0, "{score}", poses, words[worst], points_to))
    return steps


def _closure(findings: Findings, pose: Pose, step: str) -> DecisionStep | None:
    closes = findings.closes(pose)
    if closes is None:
        return None
    tight = step == "eye_closure"
    left_open = findings.lagophthalmos_mm.get(pose, 0.0)
    points_to = _grades("I", "II", "III") if closes else _grades("IV", "V", "VI") if tight else _grades("III", "IV")
    return DecisionStep(
        "eye_closure" if tight else "gentle_closure", findings.shares[pose].value, CLOSED_SHARE, "1", (pose,),
        "complete" if closes else f"incomplete, {left_open:.1f} mm stay open", points_to,
    )  # fmt: skip


def _rule_grade(findings: Findings) -> HouseBrackmann | None:
    shares = _seen(findings)
    if not shares:
        return None
    forehead, mouth = findings.share("forehead"), findings.share("mouth")
    asymmetric = findings.rest is not None and findings.rest.asymmetric
    tight, gentle = findings.closes("tight_closure"), findings.closes("gentle_closure")
    # Without a tight closure the gentle one says whether the eye can be closed at all: nothing else does.
    incomplete = tight is False or (tight is None and gentle is False)
    synkinesis = findings.worst_synkinesis or 0
    still_forehead = forehead is not None and forehead < NO_MOVEMENT
    # Rest that is normal excludes V and VI, a region that moves by a quarter excludes VI.
    if asymmetric and max(shares) < NO_MOVEMENT:
        return "VI"
    if asymmetric and still_forehead and incomplete and mouth is not None and mouth < MOUTH_BARELY:
        return "V"
    if incomplete or (still_forehead and mouth is not None and mouth < MOUTH_HALF) or synkinesis == 3:
        return "IV"
    effort = gentle is False and tight is True
    slight = forehead is not None and forehead < FOREHEAD_SLIGHT
    weak = mouth is not None and mouth < MOUTH_WEAK
    if effort or slight or weak or synkinesis == 2:
        return "III"
    if min(shares) < SLIGHTLY_WEAK or synkinesis == 1:
        return "II"
    return "I"


def _seen(findings: Findings) -> list[float]:
    return [share.value for share in findings.regions.values() if share is not None]


def _grades(*grades: HouseBrackmann) -> tuple[HouseBrackmann, ...]:
    return grades
