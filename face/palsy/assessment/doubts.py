"""What must be doubted about an examination, in sentences that say what to do."""

from __future__ import annotations

from collections.abc import Mapping

from face.palsy.assessment.findings import Findings
from face.palsy.assessment.grade import SessionGrade
from face.palsy.assessment.measuring.movement import movement_shown
from face.palsy.assessment.measuring.picture import SessionPicture
from face.palsy.assessment.measuring.same_face import SameFace
from face.palsy.assessment.options import GivenSide
from face.probability import FloatArray
from face.vocabulary import HOUSE_BRACKMANN, SIDES, HouseBrackmann, Pose

_OTHER_SIDE_ABOVE = 0.6
# So many grades apart the network and the rules contradict each other.
_GRADES_APART = 2
# A rest picture that shows so many times the movement of the calmest one may be none.
_MORE_MOVED = 1.5


def doubts(
    pictures: Mapping[Pose, SessionPicture],
    findings: Findings,
    *,
    grade: SessionGrade | None,
    rule_grade: HouseBrackmann | None,
    side_probabilities: FloatArray,
    given_side: GivenSide,
    same_face: SameFace | None,
    mm_per_unit: float,
) -> list[str]:
    """pictures: all that are usable, also those of another movement."""
    found = []
    if same_face is not None and same_face.doubtful:
        found.append(
            f"The picture `{same_face.farthest}` may show another person: its proportions differ from those of the "
            "other pictures. Check that all are of one patient. (This finds gross mix-ups, not look-alikes.)"
        )
    if "rest" not in pictures:
        found.append(
            "There is no picture `rest`: movements are not measured, and each picture is judged by its own asymmetry. "
            "Add one for shares, scales and millimetres."
        )
    elif len(pictures) > 2 and _another_is_calmer(pictures, mm_per_unit):
        found.append(
            "The picture `rest` does not look like rest: another one of these shows clearly less movement. "
            "Check which picture is the face at rest."
        )
    over_active = [pose for pose, share in findings.shares.items() if share.over_active]
    if over_active:
        found.append(
            f"In {' and '.join(f'`{pose}`' for pose in over_active)} the affected side moves over 1.2 times as far as "
            "the other, and counts as 1.2: it may be over-active, or the affected side may be the other one."
        )
    if given_side != "auto":
        other = "right" if given_side == "left" else "left"
        probability = float(side_probabilities[SIDES.index("left" if other == "left" else "right")])
        if probability > _OTHER_SIDE_ABOVE:
            found.append(
                f"The affected side was given as {given_side}, yet the {other} side looks weaker "
                f"(probability {probability:.2f}). Sides are the patient's own."
            )
    apart = 0 if grade is None or rule_grade is None else abs(HOUSE_BRACKMANN.index(rule_grade) - grade.index)
    if grade is not None and apart >= _GRADES_APART:
        found.append(
            f"The rules on measures alone say grade {rule_grade}, the network's reading "
            f"{HOUSE_BRACKMANN[grade.index]}: "
            "look at the decision path before relying on either."
        )
    return found


def _another_is_calmer(pictures: Mapping[Pose, SessionPicture], mm_per_unit: float) -> bool:
    shown = movement_shown(dict(pictures.items()), mm_per_unit=mm_per_unit)
    return shown["rest"] > _MORE_MOVED * min(shown.values())
