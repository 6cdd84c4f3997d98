"""``python -m service.audit migrate|export``: the database is HTNET_AUDIT_URL's, or ``--url URL``."""

from __future__ import annotations

import argparse
import os
import sys

from service.audit.commands import COMMANDS, DatabaseRefused, run


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m service.audit", description="Look after the audit database.")
    parser.add_argument("command", choices=list(COMMANDS), help="bring up to date, or write CSV to stdout")
    parser.add_argument(
        "--url",
        default=os.environ.get("HTNET_AUDIT_URL"),
        help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME; a password is safer in HTNET_AUDIT_URL",
    )
    arguments = parser.parse_args()
    if not arguments.url:
        parser.error("set HTNET_AUDIT_URL or give --url")
    try:
        run(arguments.command, arguments.url)
    except DatabaseRefused as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
