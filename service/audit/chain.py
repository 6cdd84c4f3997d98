"""The hash chain over the audit records: each holds the hash of itself and of the one before it.

A record that was changed, taken out or put in later breaks it. Whoever can write the database can write a new chain as
well, or cut its end off: that shows only against a hash that was noted elsewhere (``audit verify --holds``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, delete, func, insert, select, text

from service.audit.model import AnalysisRecord, PrunedRecords

START = "0" * 64
# Any number that other programs in the same database do not use.
_LOCK_NAME = 0x68746E6575  # "htneu"
_PIECE = 500
# In this order; never change it, or what was written before cannot be checked any more.
_HASHED = (
    "request_id", "key_id", "task", "model_name", "model_version", "model_sha256", "image_sha256", "label",
    "probabilities", "refusal",
)  # fmt: skip


class ChainBroken(Exception):
    """A record does not fit to the one before it; the message names it."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a chain that holds consists of. head: the hash of its newest record, to be noted elsewhere."""

    records: int
    pruned: int
    since: datetime | None
    until: datetime | None
    head: str


def link(previous: str, record: Mapping[str, Any]) -> str:
    """SHA-256, in hex, over the hash before and a record's content as JSON; the time is in microseconds of UTC."""
    moment: datetime = record["recorded_at"]
    content = [moment.astimezone(UTC).isoformat(timespec="microseconds"), *(record[name] for name in _HASHED)]
    # Sorted, because a database may give an object's keys back in another order.
    written = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(f"{previous}{written}".encode()).hexdigest()


def hold_end(connection: Connection) -> str:
    """The hash of the newest record. Until the transaction ends no other can be added, by any worker or pod."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": _LOCK_NAME})
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    newest = select(AnalysisRecord.chain_sha256).order_by(AnalysisRecord.id.desc()).limit(1)
    return connection.scalar(newest) or _before_the_first(connection)[0]


def verify(engine: Engine, *, holds: str | None = None) -> Verified:
    """Check every record, oldest first. Raises ChainBroken, also if no record has the hash ``holds``."""
    with engine.connect() as connection:
        previous, pruned = _before_the_first(connection)
        found = holds is None or holds == previous
        first: RowMapping | None = None
        last: RowMapping | None = None
        records = 0
        for row in _oldest_first(connection):
            records += 1
            expected = link(previous, dict(row))
            if row["chain_sha256"] != expected:
                raise ChainBroken(
                    f"record {row['id']} of {row['recorded_at'].isoformat()} does not fit to the one before it: one of "
                    "them was changed, or records between them were taken out or put in"
                )
            previous = expected
            found = found or previous == holds
            first, last = first or row, row
    if not found:
        raise ChainBroken(f"no record has the hash {holds}: records after the time it was noted were taken out")
    return Verified(
        records=records,
        pruned=pruned,
        since=first["recorded_at"] if first else None,
        until=last["recorded_at"] if last else None,
        head=previous,
    )


def prune(engine: Engine, *, before: datetime) -> int:
    """Delete the records older than ``before``, and note what the chain goes on from. Returns their number."""
    with engine.begin() as connection:
        hold_end(connection)
        first_kept = connection.scalar(select(func.min(AnalysisRecord.id)).where(AnalysisRecord.recorded_at >= before))
        old = AnalysisRecord.id < first_kept if first_kept is not None else AnalysisRecord.id.is_not(None)
        count = connection.scalar(select(func.count()).select_from(AnalysisRecord).where(old)) or 0
        if count == 0:
            return 0
        end = connection.scalar(
            select(AnalysisRecord.chain_sha256).where(old).order_by(AnalysisRecord.id.desc()).limit(1)
        )
        connection.execute(
            insert(PrunedRecords),
            {"pruned_at": datetime.now(tz=UTC), "before": before, "records": count, "chain_sha256": end},
        )
        connection.execute(delete(AnalysisRecord).where(old))
        return count


def _before_the_first(connection: Connection) -> tuple[str, int]:
    """(what the oldest record follows on, the number of records that were pruned)."""
    newest = select(PrunedRecords.chain_sha256).order_by(PrunedRecords.id.desc()).limit(1)
    pruned = connection.scalar(select(func.sum(PrunedRecords.records)))
    return connection.scalar(newest) or START, int(pruned or 0)


def _oldest_first(connection: Connection) -> Iterator[RowMapping]:
    table = AnalysisRecord.__table__
    last_id = -1
    while True:
        piece = select(table).where(table.c.id > last_id).order_by(table.c.id).limit(_PIECE)
        rows = connection.execute(piece).mappings().all()
        yield from rows
        if len(rows) < _PIECE:
            return
        last_id = rows[-1]["id"]
