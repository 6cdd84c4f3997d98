"""``GET /v1/audit``: the audit records, as JSON pages or as one CSV stream. Needs an admin key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from service.api.errors import problem_responses
from service.api.query import refuse_unknown_query
from service.api.state import CurrentWorker
from service.audit.csv_export import as_dict, csv_lines
from service.audit.store import AuditQuery, AuditStore, AuditUnavailable

router = APIRouter(tags=["audit"], dependencies=[Depends(refuse_unknown_query)])


class AuditRecordOut(BaseModel):
    """One answered or refused analysis; no image, no landmarks."""

    id: int
    recorded_at: datetime
    request_id: str
    key_id: str | None
    task: str
    model_name: str
    model_version: str
    model_sha256: str
    image_sha256: list[str]
    label: str | None
    probabilities: dict[str, float] | None
    refusal: str | None
    chain_sha256: str | None


class AuditPage(BaseModel):
    """Newest first; ``next_before_id`` asks for the page after this one and is null on the last."""

    records: list[AuditRecordOut]
    next_before_id: int | None


class AuditFilter(BaseModel):
    """Which records. Moments without a zone are taken as UTC."""

    since: datetime | None = None
    until: datetime | None = None
    task: str | None = Field(default=None, max_length=32)
    key_id: str | None = Field(default=None, max_length=64)
    request_id: str | None = Field(default=None, max_length=64)
    refused: bool | None = None
    before_id: int | None = Field(default=None, ge=1, le=2**63 - 1)

    def query(self) -> AuditQuery:
        """The same question for the store."""
        values = self.model_dump(include=set(AuditFilter.model_fields))
        for name in ("since", "until"):
            moment = values[name]
            if moment is not None and moment.tzinfo is None:
                values[name] = moment.replace(tzinfo=UTC)
        return AuditQuery(**values)


class AuditParameters(AuditFilter):
    """Filter, page size and format."""

    limit: int = Field(default=100, ge=1, le=1000)
    format: Literal["json", "csv"] = "json"


def audit_store(worker: CurrentWorker) -> AuditStore:
    """The store. Raises AuditUnavailable if audit is switched off."""
    if not isinstance(worker.audit, AuditStore):
        raise AuditUnavailable("audit is switched off (HTNET_AUDIT_URL is empty)")
    return worker.audit


@router.get(
    "/v1/audit",
    response_model=AuditPage,
    summary="Audit records (admin key)",
    responses=problem_responses("unauthorized", "forbidden", "invalid-parameters", "rate-limited", "audit-unavailable"),
)
def read_audit(
    parameters: Annotated[AuditParameters, Query()], store: Annotated[AuditStore, Depends(audit_store)]
) -> AuditPage | StreamingResponse:
    """A page of records (``format=json``), or all that match as CSV (``format=csv``; ``limit`` does not count)."""
    query = parameters.query()
    if parameters.format == "csv":
        lines: Iterator[str] = csv_lines(store.read_all(query))
        # The first record is read before the answer starts, so that an unavailable database is still a 503.
        first = [next(lines), *_at_most_one(lines)]
        return StreamingResponse(
            chain(first, lines),
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": 'attachment; filename="audit.csv"'},
        )
    records = store.read(query, limit=parameters.limit)
    full = len(records) == parameters.limit
    return AuditPage(
        records=[AuditRecordOut(**as_dict(record)) for record in records],
        next_before_id=records[-1].id if full else None,
    )


def _at_most_one(lines: Iterator[str]) -> list[str]:
    return [line for line in [next(lines, None)] if line is not None]
