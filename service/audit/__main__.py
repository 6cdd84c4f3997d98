"""``python -m service.audit migrate|export``: the database is HTNET_AUDIT_URL's, or ``--url URL``."""

from __future__ import annotations

import argparse
import os
import sys

from sqlalchemy.exc import SQLAlchemyError

from service.audit.csv_export import csv_lines
from service.audit.prepare import prepare_database
from service.audit.store import AuditQuery, AuditStore, AuditUnavailable


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m service.audit", description="Look after the audit database.")
    parser.add_argument("command", choices=["migrate", "export"], help="bring up to date, or write CSV to stdout")
    parser.add_argument(
        "--url",
        default=os.environ.get("HTNET_AUDIT_URL"),
        help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME; a password is safer in HTNET_AUDIT_URL",
    )
    arguments = parser.parse_args()
    if not arguments.url:
        parser.error("set HTNET_AUDIT_URL or give --url")
    try:
        if arguments.command == "migrate":
            prepare_database(arguments.url)
        else:
            export(arguments.url)
    except (AuditUnavailable, ValueError, SQLAlchemyError) as error:
        sys.exit(f"{parser.prog}: {getattr(error, 'orig', None) or error}")


def export(url: str) -> None:
    """All records as CSV to standard output."""
    store = AuditStore(url)
    try:
        sys.stdout.writelines(csv_lines(store.read_all(AuditQuery())))
    finally:
        store.close()


if __name__ == "__main__":
    main()
