"""Answers kept as they come, so that a long run goes on where it was stopped, and several share one folder.

    FOLDER/WRITER.jsonl    one answer a line, appended and flushed; each process or machine has a file of its own

An answer belongs to a file's path, size and time of change: a photograph that was exchanged is read anew. A line that a
kill has cut short is one answer lost, and no harm to the others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

Value = str | int | float
# Size in bytes and time of change in nanoseconds.
FileState = tuple[int, int]


class AnswerRecord:
    """All answers of a folder by the path of their photograph, and a file for new ones. A context manager."""

    def __init__(self, folder: Path, *, writer: str) -> None:
        self._file = folder / f"{writer}.jsonl"
        self._known: dict[str, tuple[FileState, dict[str, Value]]] = {}
        self._stream: TextIO | None = None
        for file in sorted(folder.glob("*.jsonl")):
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                self._take(line)

    def __enter__(self) -> AnswerRecord:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def _take(self, line: str) -> None:
        try:
            kept = json.loads(line)
            size, changed = kept["file"]
            self._known[kept["row"]["path"]] = (size, changed), kept["row"]
        except (ValueError, KeyError, TypeError):
            return  # was cut short

    def row_of(self, path: Path) -> dict[str, Value] | None:
        """The answer to this photograph as it is now; None where there is none yet."""
        state, row = self._known.get(path.as_posix(), (None, None))
        return row if row is not None and state == state_of(path) else None

    def add(self, row: Mapping[str, Value], state: FileState) -> dict[str, Value]:
        """Keep an answer -> the same as it will be read again. state: of the file before it was read."""
        line = json.dumps({"file": state, "row": row}, default=float)
        if self._stream is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._file.open("a", encoding="utf-8")
            self._stream.write("\n")  # after a line that was cut short
        self._stream.write(line + "\n")
        self._stream.flush()
        kept: dict[str, Value] = json.loads(line)["row"]
        return kept


def state_of(path: Path) -> FileState | None:
    """None for a file that is not there or cannot be asked about."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
