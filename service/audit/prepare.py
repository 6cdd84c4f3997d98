"""Make the audit database ready, once, before any worker starts."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from service.audit.migration import migrate
from service.audit.store import AuditUnavailable, cause_of, checked_url, ensure_parent, make_engine, sqlite_file


def prepare_database(url: str) -> None:
    """Make a SQLite file's folder if need be, connect, and upgrade the schema to the newest revision.

    Raises AuditUnavailable; the message names the cause and, for a file, its path and who asked.
    """
    try:
        parsed = checked_url(url)
        ensure_parent(url)
        engine = make_engine(parsed)
        try:
            migrate(engine)
        finally:
            engine.dispose()
    except (OSError, SQLAlchemyError, ValueError) as error:
        raise AuditUnavailable(_explained(url, error)) from error


def _explained(url: str, error: Exception) -> str:
    cause = cause_of(error)
    try:
        file = sqlite_file(checked_url(url))
    except ValueError:
        return cause
    if file is None:
        return f"{cause} (in a password write @ as %40, / as %2F, : as %3A and % as %25)"
    blocked = _not_writable(file.absolute())
    if blocked is None:
        return f"{file}: {'this is a folder' if file.is_dir() else cause}"
    status = blocked.stat()
    return (
        f"{file}: {blocked} cannot be written by uid {os.geteuid()}, gid {os.getegid()} (it belongs to "
        f"{status.st_uid}:{status.st_gid}, mode {status.st_mode & 0o7777:o}); make it writable for them, mount another "
        f"folder, or set HTNET_AUDIT_URL to another place ({cause})"
    )


def _not_writable(file: Path) -> Path | None:
    """What stands in the way of writing a file: itself, or the nearest folder above that exists."""
    there = file
    while not os.path.exists(there):  # noqa: PTH110 - False, and no error, where a folder cannot be entered
        there = there.parent
    needed = os.W_OK | (os.X_OK if there.is_dir() else 0)
    if not os.access(there, needed):
        return there
    if there == file and not os.access(file.parent, os.W_OK | os.X_OK):
        return file.parent  # SQLite makes its log beside the file
    return None
