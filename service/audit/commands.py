"""What an operator does with the audit database: bring it up to date, export, check and shorten it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from service.audit import chain
from service.audit.csv_export import csv_lines
from service.audit.prepare import prepare_database
from service.audit.store import AuditQuery, AuditStore, AuditUnavailable, cause_of
from service.operation_settings import OperationSettings

_AGE = re.compile(r"([1-9][0-9]{0,4})([dwy])")
_DAYS = {"d": 1, "w": 7, "y": 365}


class DatabaseRefused(Exception):
    """The database cannot be used, or its records are not what was written; the message says why."""


def database_url(given: str | None) -> str:
    """The database to use: the one that was given, HTNET_AUDIT_URL's, or the service's default.

    Raises DatabaseRefused where the audit is switched off.
    """
    default: str = OperationSettings.model_fields["audit_url"].default.get_secret_value()
    url = given if given is not None else os.environ.get("HTNET_AUDIT_URL", default).strip()
    if not url:
        raise DatabaseRefused("which database? HTNET_AUDIT_URL is empty, which switches the audit off: give --url")
    return url


def migrate(url: str) -> None:
    """Make the database or bring it up to date, and say where it is. Raises DatabaseRefused."""
    with _refusing():
        prepare_database(url)
    print(f"the audit database is up to date: {_shown(url)}", file=sys.stderr)


def export(url: str) -> None:
    """All records as CSV to standard output. Raises DatabaseRefused."""
    with _opened(url) as store:
        sys.stdout.writelines(csv_lines(store.read_all(AuditQuery())))


def verify(url: str, *, holds: str | None = None) -> None:
    """Check that no record was changed, taken out or put in, and print the newest one's hash.

    Raises DatabaseRefused, also if no record has the hash ``holds`` that was noted earlier.
    """
    with _opened(url) as store:
        found = chain.verify(store.engine, holds=holds)
    period = f" from {found.since.isoformat()} to {found.until.isoformat()}" if found.since and found.until else ""
    print(f"{found.records} records{period} are as they were written ({found.pruned} older ones were pruned)")
    print(f"newest hash, to be noted elsewhere: {found.head}")


def prune(url: str, *, older_than: str) -> None:
    """Delete records by age (such as 90d, 52w, 10y). Raises DatabaseRefused."""
    matched = _AGE.fullmatch(older_than)
    if matched is None:
        raise DatabaseRefused(f"{older_than!r} is no age: write days, weeks or years, such as 90d, 52w or 10y")
    before = datetime.now(tz=UTC) - timedelta(days=int(matched[1]) * _DAYS[matched[2]])
    with _opened(url) as store:
        count = chain.prune(store.engine, before=before)
    print(f"{count} records from before {before.isoformat(timespec='seconds')} were deleted", file=sys.stderr)


@contextmanager
def _opened(url: str) -> Iterator[AuditStore]:
    with _refusing():
        store = AuditStore(url)
        try:
            yield store
        finally:
            store.close()


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (AuditUnavailable, chain.ChainBroken, ValueError, OverflowError, SQLAlchemyError) as error:
        raise DatabaseRefused(cause_of(error)) from error


def _shown(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)
