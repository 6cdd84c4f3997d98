"""Reading annotation spreadsheets as their authors left them: preamble lines, blank columns, numbers as text, BOMs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from model_training.errors import TrainingError

Row = Mapping[str, Any]


def read_rows(path: Path, *, columns: tuple[str, ...], sheet: str | None = None) -> Iterator[tuple[int, Row]]:
    """(row number as the spreadsheet program shows it, {column: cell}) of every row that is not blank.

    The header is the first row that holds all of `columns` (case and blanks do not count), so that preamble lines and
    blank header cells do not matter. Raises TrainingError for an unreadable file, a missing sheet, or a header without
    them.
    """
    header: dict[str, int] | None = None
    first: tuple[Any, ...] = ()
    wanted = {_plain(column): column for column in columns}
    for number, cells in enumerate(_cells(path, sheet), start=1):
        if header is None:
            first = first or tuple(str(cell).strip() for cell in cells if _plain(cell))
            names = {_plain(cell): index for index, cell in reversed(list(enumerate(cells))) if _plain(cell)}
            if wanted.keys() <= names.keys():
                header = {wanted.get(name, str(cells[index]).strip()): index for name, index in names.items()}
            continue
        if any(_plain(cell) for cell in cells):
            yield number, {name: cells[index] if index < len(cells) else None for name, index in header.items()}
    if header is None:
        raise TrainingError(
            f"{path}: no header row with the columns {', '.join(columns)}; its first row is "
            f"{', '.join(first) or 'empty'}. If columns of other names mean the same, a column map says so: "
            '`htnet data prepare neuroface --column-map my.toml`, with [columns] person = "...", label = "...", '
            'side = "...", [path] template = "{...}" and, for words of another language, [values.side] "..." = "left" '
            "(docs/how-to/bring-your-data.md)"
        )


def _plain(cell: object) -> str:
    return "" if cell is None else "".join(str(cell).split()).lower()


def _cells(path: Path, sheet: str | None) -> Iterator[tuple[Any, ...]]:
    if not path.is_file():
        raise TrainingError(f"{path}: no such annotation file")
    if path.suffix.lower() in (".csv", ".txt", ".tsv"):
        yield from text_rows(path)
        return
    if path.suffix.lower() not in (".xlsx", ".xlsm"):
        raise TrainingError(f"{path}: annotations are read from .xlsx or .csv; save other formats as one of them")
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        workbook = load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, BadZipFile, OSError, KeyError) as error:
        raise TrainingError(f"{path}: cannot be read as a spreadsheet ({error})") from error
    try:
        if sheet is not None and sheet not in workbook.sheetnames:
            raise TrainingError(f"{path}: no sheet {sheet!r}; it has {', '.join(workbook.sheetnames)}")
        page = workbook[sheet] if sheet is not None else workbook.worksheets[0]
        yield from page.iter_rows(values_only=True)
    finally:
        workbook.close()


def text_rows(path: Path) -> Iterator[tuple[str, ...]]:
    """Rows of a comma-, semicolon- or tab-separated file in UTF-8, with or without a BOM."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TrainingError(
            f"{path}: not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
        ) from error
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    for row in csv.reader(io.StringIO(text), delimiter=delimiter):
        yield tuple(cell.strip() for cell in row)


def whole_number(cell: object) -> int | None:
    """A frame number stored as number or as text; None for anything else (`/`, blank)."""
    try:
        value = float(str(cell).strip())
    except ValueError:
        return None
    return int(value) if value == int(value) and value >= 0 else None


def text(cell: object) -> str:
    """A cell as text: 6.0 and 6 both `6`, None empty. So is `6.0` as text: programs write it that keep a column with an
    empty cell as floats."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    plain = str(cell).strip()
    return plain.partition(".")[0] if re.fullmatch(r"-?\d+\.0+", plain) else plain
