"""``python -m service.audit migrate|export --url URL``."""

from __future__ import annotations

import argparse
import sys

from service.audit.csv_export import csv_lines
from service.audit.prepare import prepare_database
from service.audit.store import AuditQuery, AuditStore


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m service.audit", description="Look after the audit database.")
    parser.add_argument("command", choices=["migrate", "export"], help="bring up to date, or write CSV to stdout")
    parser.add_argument("--url", required=True, help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
    arguments = parser.parse_args()
    if arguments.command == "migrate":
        prepare_database(arguments.url)
    else:
        store = AuditStore(arguments.url)
        sys.stdout.writelines(csv_lines(store.read_all(AuditQuery())))
        store.close()


if __name__ == "__main__":
    main()
