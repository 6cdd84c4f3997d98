"""Audit records as JSON objects and as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from service.audit.model import AnalysisRecord

COLUMNS = (
    "id", "recorded_at", "request_id", "key_id", "task", "model_name", "model_version", "model_sha256",
    "image_sha256", "label", "probabilities", "refusal", "chain_sha256",
)  # fmt: skip


def as_dict(record: AnalysisRecord) -> dict[str, Any]:
    """One record with the time as ISO 8601 in UTC."""
    values = {name: getattr(record, name) for name in COLUMNS}
    values["recorded_at"] = record.recorded_at.isoformat()
    return values


def csv_lines(records: Iterable[AnalysisRecord]) -> Iterator[str]:
    """A head line, then one line per record; lists and objects are written as JSON."""
    yield _line(COLUMNS)
    for record in records:
        values = as_dict(record)
        yield _line(
            json.dumps(value) if isinstance(value, list | dict) else "" if value is None else value
            for value in values.values()
        )


def _line(values: Iterable[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)
    return buffer.getvalue()
