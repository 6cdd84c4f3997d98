"""What an operator does with the audit database: bring it up to date, or write its records as CSV."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from service.audit.csv_export import csv_lines
from service.audit.prepare import prepare_database
from service.audit.store import AuditQuery, AuditStore, AuditUnavailable


class DatabaseRefused(Exception):
    """The database cannot be used; the message says why."""


def migrate(url: str) -> None:
    """Make the database or bring it up to date, and say where it is."""
    prepare_database(url)
    print(f"the audit database is up to date: {make_url(url).render_as_string(hide_password=True)}", file=sys.stderr)


def export(url: str) -> None:
    """All records as CSV to standard output."""
    store = AuditStore(url)
    try:
        sys.stdout.writelines(csv_lines(store.read_all(AuditQuery())))
    finally:
        store.close()


COMMANDS: Mapping[str, Callable[[str], None]] = {"migrate": migrate, "export": export}


def run(command: str, url: str) -> None:
    """Run one of COMMANDS on the database at `url`. Raises DatabaseRefused."""
    try:
        COMMANDS[command](url)
    except (AuditUnavailable, ValueError, SQLAlchemyError) as error:
        raise DatabaseRefused(str(getattr(error, "orig", None) or error)) from error
