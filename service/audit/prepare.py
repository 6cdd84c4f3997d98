"""Make the audit database ready, once, before any worker starts."""

from __future__ import annotations

from service.audit.migration import migrate
from service.audit.store import checked_url, ensure_parent, make_engine


def prepare_database(url: str) -> None:
    """Make a SQLite file's folder if need be, connect, and upgrade the schema to the newest revision."""
    ensure_parent(url)
    engine = make_engine(checked_url(url))
    try:
        migrate(engine)
    finally:
        engine.dispose()
