"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path with the suffix of `path`: it takes the place of `path` if the block succeeds and vanishes if it
    does not, so that readers see the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Containers that write to one folder have the same process ids.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}-{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(text: str, path: Path) -> None:
    """UTF-8."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
