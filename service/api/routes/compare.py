"""POST /v1/palsy/compare."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from face.palsy.assessment.comparison import compare
from face.palsy.assessment.fitted import fitted_numbers
from service.api.errors import RequestError, problem_responses
from service.api.query import refuse_unknown_query
from service.api.schemas.comparison import ComparisonAnswer, ComparisonRequest, followed

PATH = "/v1/palsy/compare"
# Two answers without maps are a tenth of this.
MAX_BYTES = 2_000_000

router = APIRouter(tags=["palsy"], dependencies=[Depends(refuse_unknown_query)])


@router.post(
    PATH,
    summary="What has changed between two examinations",
    response_model=ComparisonAnswer,
    responses=problem_responses(
        "unauthorized", "request-timeout", "image-too-large", "model-mismatch", "invalid-parameters", "rate-limited",
        "internal-error", "overloaded",
    ),
)  # fmt: skip
async def compare_examinations(asked: ComparisonRequest) -> ComparisonAnswer:
    before, after = asked.before, asked.after
    if (before.model.sha256, before.session_method) != (after.model.sha256, after.session_method):
        raise RequestError(
            "model-mismatch",
            f"The first answer is by {before.model.name} {before.model.version} ({before.session_method.name} "
            f"{before.session_method.version}), the second by {after.model.name} {after.model.version} "
            f"({after.session_method.name} {after.session_method.version}): what they differ by may be the model. "
            f"Send the "
            "pictures of both to the same one again.",
        )
    return ComparisonAnswer.of(compare(followed(before), followed(after), fitted_numbers().sdc95))
