"""``python -m service.audit migrate|export|verify|prune``: the database is HTNET_AUDIT_URL's, or ``--url URL``."""

from __future__ import annotations

import argparse
import sys

from service.audit import commands


def main() -> None:
    """Run one command."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--url", help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME; a password is safer in HTNET_AUDIT_URL"
    )
    parser = argparse.ArgumentParser(prog="python -m service.audit", description="Look after the audit database.")
    known = parser.add_subparsers(dest="command", required=True)
    known.add_parser("migrate", parents=[common], help="make it, or bring it up to date")
    known.add_parser("export", parents=[common], help="write CSV to standard output")
    verify = known.add_parser("verify", parents=[common], help="check that the records are as they were written")
    verify.add_argument("--holds", help="a hash that was noted earlier and must be there")
    prune = known.add_parser("prune", parents=[common], help="delete old records")
    prune.add_argument("--older-than", required=True, help="their age, such as 90d, 52w or 10y")
    arguments = parser.parse_args()
    try:
        url = commands.database_url(arguments.url)
        match arguments.command:
            case "migrate":
                commands.migrate(url)
            case "export":
                commands.export(url)
            case "verify":
                commands.verify(url, holds=arguments.holds)
            case "prune":
                commands.prune(url, older_than=arguments.older_than)
    except commands.DatabaseRefused as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
