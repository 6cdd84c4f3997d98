"""Write audit records durably, and read them back."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, create_engine, event, insert, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session

from service.audit.chain import hold_end, link
from service.audit.entry import AuditEntry
from service.audit.migration import head_revision, revision_of
from service.audit.model import AnalysisRecord
from service.observability.rarely import Rarely

logger = logging.getLogger(__name__)

_BUSY_TIMEOUT_MS = 2_000
_CONNECT_TIMEOUT_S = 2
_ANSWER_TIMEOUT_MS = 5_000
_EXPORT_CHUNK = 500
_URLS = (
    "the audit URL must be sqlite:///FILE (four slashes begin a full path) or postgresql://user:password@host/database "
    "(or empty: no audit)"
)


class AuditUnavailable(Exception):
    """The record cannot be written or read; the request must fail. The message names no request data."""


class AuditSink(Protocol):
    """Where records go. ``write`` returns when the record is durable and raises AuditUnavailable otherwise."""

    def write(self, entry: AuditEntry) -> None:
        """Store one record."""


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which records: ``since`` <= time < ``until``, newest first, those with an id below ``before_id``."""

    since: datetime | None = None
    until: datetime | None = None
    task: str | None = None
    key_id: str | None = None
    request_id: str | None = None
    refused: bool | None = None
    before_id: int | None = None


class AuditStore:
    """Records in SQLite or PostgreSQL. Blocking: call it from a worker thread.

    The schema is made by the migrations (``python -m service.audit migrate``; ``python -m service`` runs them before
    it starts its workers); a database with another revision is refused.
    """

    def __init__(self, url: str) -> None:
        self._url = checked_url(url)
        self._file = sqlite_file(self._url)
        if self._file is not None and not self._file.exists():
            raise AuditUnavailable(f"{self._file}: there is no audit database; run: python -m service.audit migrate")
        self._errors = Rarely(logger)
        self._engine = make_engine(self._url)
        self._identity = self._file_identity()
        found, wanted = revision_of(self._engine), head_revision()
        if found != wanted:
            raise AuditUnavailable(
                f"the audit database has schema revision {found or 'none'}, this version needs {wanted}; "
                "run: python -m service.audit migrate"
            )

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine."""
        return self._engine

    def write(self, entry: AuditEntry) -> None:
        """Store one record; durable on return. Raises AuditUnavailable."""
        values: dict[str, Any] = {**asdict(entry), "image_sha256": list(entry.image_sha256)}
        try:
            self._notice_lost_file()
            # A plain insert: a unit of work for one row costs as much CPU time as the write itself.
            with self._engine.begin() as connection:
                values["chain_sha256"] = link(hold_end(connection), values)
                connection.execute(insert(AnalysisRecord), values)
        except (AuditUnavailable, SQLAlchemyError) as error:
            self._errors.say(logging.ERROR, "the audit record was not written: %s", cause_of(error))
            raise AuditUnavailable(f"the audit record was not written: {cause_of(error)}") from error

    def read(self, query: AuditQuery, *, limit: int) -> Sequence[AnalysisRecord]:
        """Records, newest first. Raises AuditUnavailable."""
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        statement = select(AnalysisRecord).order_by(AnalysisRecord.id.desc()).limit(limit)
        if query.since is not None:
            statement = statement.where(AnalysisRecord.recorded_at >= query.since)
        if query.until is not None:
            statement = statement.where(AnalysisRecord.recorded_at < query.until)
        if query.task is not None:
            statement = statement.where(AnalysisRecord.task == query.task)
        if query.key_id is not None:
            statement = statement.where(AnalysisRecord.key_id == query.key_id)
        if query.request_id is not None:
            statement = statement.where(AnalysisRecord.request_id == query.request_id)
        if query.refused is not None:
            refusal = AnalysisRecord.refusal
            statement = statement.where(refusal.is_not(None) if query.refused else refusal.is_(None))
        if query.before_id is not None:
            statement = statement.where(AnalysisRecord.id < query.before_id)
        try:
            self._notice_lost_file()
            with Session(self._engine) as session:
                return session.scalars(statement).all()
        except (AuditUnavailable, SQLAlchemyError) as error:
            self._errors.say(logging.ERROR, "the audit records cannot be read: %s", cause_of(error))
            raise AuditUnavailable(f"the audit records cannot be read: {cause_of(error)}") from error

    def read_all(self, query: AuditQuery) -> Iterator[AnalysisRecord]:
        """Every record of a query in small pieces, newest first: memory does not grow with the table."""
        before_id = query.before_id
        while True:
            page = self.read(_before(query, before_id), limit=_EXPORT_CHUNK)
            yield from page
            if len(page) < _EXPORT_CHUNK:
                return
            before_id = page[-1].id

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _file_identity(self) -> tuple[int, int] | None:
        if self._file is None:
            return None
        try:
            status = self._file.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _notice_lost_file(self) -> None:
        # SQLite would go on writing to a file that was deleted: the records would vanish with the process.
        if self._file is None:
            return
        identity = self._file_identity()
        if identity is None:
            raise AuditUnavailable(f"{self._file}: the audit database is gone")
        if identity != self._identity:
            self._engine.dispose()
            try:
                revision = revision_of(self._engine)
            except SQLAlchemyError as error:
                raise AuditUnavailable("the audit database was exchanged and cannot be read") from error
            if revision != head_revision():
                raise AuditUnavailable("the audit database was exchanged for one with another schema")
            self._identity = identity


def _before(query: AuditQuery, before_id: int | None) -> AuditQuery:
    values: Mapping[str, Any] = {**asdict(query), "before_id": before_id}
    return AuditQuery(**values)


def cause_of(error: Exception) -> str:
    """The database's own words, in one line: those of SQLAlchemy repeat the statement with its values."""
    return next(iter(str(getattr(error, "orig", None) or error).strip().splitlines()), type(error).__name__)


def checked_url(url: str) -> URL:
    """The parsed URL. Raises ValueError for databases other than SQLite files and PostgreSQL.

    The message does not repeat the URL: where it is written wrongly, nobody knows which part of it is the password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ValueError(_URLS) from error
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite" and not parsed.host and parsed.database not in (None, "", ":memory:"):
        return parsed
    raise ValueError(f"{_URLS}; this one is for {parsed.get_backend_name()}")


def sqlite_file(url: URL) -> Path | None:
    """The database's file; None for PostgreSQL."""
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def make_engine(url: URL) -> Engine:
    """An engine whose commits are durable: a record that was written survives the loss of power."""
    if url.get_backend_name() == "postgresql":
        # A lock that is held, and a server that vanished from the network, end as errors and not as hung requests.
        limits = {
            "connect_timeout": _CONNECT_TIMEOUT_S,
            "tcp_user_timeout": _ANSWER_TIMEOUT_MS,
            "options": f"-c statement_timeout={_ANSWER_TIMEOUT_MS}",
        }
        return create_engine(url, pool_pre_ping=True, connect_args=limits)
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1e3})

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        # With a write-ahead log readers do not block the writers of the other workers; FULL waits for the disk.
        for pragma in ("journal_mode = WAL", "synchronous = FULL", f"busy_timeout = {_BUSY_TIMEOUT_MS}"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def ensure_parent(url: str) -> None:
    """Make the folder of a SQLite file, for its owner only."""
    file = sqlite_file(checked_url(url))
    if file is not None and not file.parent.exists():
        file.parent.mkdir(mode=0o700, parents=True)
