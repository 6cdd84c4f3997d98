"""The question and the answer of POST /v1/palsy/compare."""

from __future__ import annotations

from typing import Self

from face.palsy.assessment.comparison import Comparison, Followed, Verdict
from service.api.schemas.assessment import AssessmentAnswer
from service.api.schemas.shared import Schema


class ComparisonRequest(Schema):
    """Two answers of `assess`, as they came; asked for without maps they are small."""

    before: AssessmentAnswer
    after: AssessmentAnswer


class ChangeAnswer(Schema):
    """figure: `expected_grade`, `sunnybrook` (upper end of its range), `movement_index`, `share.<region or pose>`,
    `<measure>.<pose>.<side>`. sdc95: two examinations of the same palsy differ by less in 95 of 100. verdict: null
    where that is not known; `changed` where neither direction is better."""

    figure: str
    before: float
    after: float
    delta: float
    sdc95: float | None
    verdict: Verdict | None


class ComparisonAnswer(Schema):
    """changes: of what both examinations have, the more robust figures first; compare shares before millimetres. What
    is summed over movements (`sunnybrook`, `movement_index`, the share of a region) only if both show the same ones.
    grades_overlap: the prediction sets have a grade in common, so that the grade may be the same."""

    changes: list[ChangeAnswer]
    grades_overlap: bool
    warnings: list[str]

    @classmethod
    def of(cls, comparison: Comparison) -> Self:
        return cls(
            changes=[ChangeAnswer(**vars(change)) for change in comparison.changes],
            grades_overlap=comparison.grades_overlap,
            warnings=list(comparison.warnings),
        )


def followed(answer: AssessmentAnswer) -> Followed:
    """What of an answer is compared; named as `face.palsy.assessment.comparison.followed_figures` names it."""
    figures: dict[str, float] = {}
    if answer.grade is not None:
        figures["expected_grade"] = answer.grade.expected
    figures |= {f"share.{name}": one.share for name, one in answer.regional_movement.items() if one.share is not None}
    figures |= {f"share.{pose}": share for pose, share in answer.pose_shares.items()}
    figures["sunnybrook"] = float(answer.sunnybrook.composite_range[1])
    if answer.sunnybrook.movement_index is not None:
        figures["movement_index"] = answer.sunnybrook.movement_index
    figures |= {f"{one.id}.{one.pose}.{one.side or 'both'}": one.value for one in answer.measures}
    return Followed(
        figures=figures,
        movements=frozenset(answer.pose_shares),
        mm_per_iod=None if answer.scale is None else answer.scale.mm_per_iod,
        grades=tuple(answer.grade.prediction_set) if answer.grade else (),
        side=answer.affected_side.side,
    )
