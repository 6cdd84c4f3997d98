"""Data sets whose columns are not published (MEEI, YFP, Toronto NeuroFace), or are their users' own (pairs of frames):
the user says what is what in a small TOML file.

sheet = "Sheet1"                       # optional; the first one otherwise
[columns]                              # our name = column of the spreadsheet
person = "Patient ID"
label = "House-Brackmann"
side = "Affected side"                 # optional, as are pose, split and further ones, kept as they are
[path]
template = "{Category}/{Patient ID}/{pose}.jpg"   # columns in braces; {pose} runs over path.poses
poses = { rest = "1", brow_lift = "2" }           # optional: one row per pose, ours = theirs
onset = "{Emotion}/{Clip}/{Onset}.jpg"            # of pairs: the frame at rest, the template then being the apex
[values.label]                         # optional: every value that occurs, ours = label from 1
"Normal" = 1
[values.side]
"L" = "left"
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from model_training.configuration import Configuration, build, read_toml
from model_training.datasets.reading.conversion import Conversion
from model_training.datasets.reading.labels import GradeReader
from model_training.datasets.reading.spreadsheets import Row, read_rows, text
from model_training.errors import TrainingError

# Columns of the table that the conversion fills itself.
FILLED_HERE = ("sample", "path", "onset_path")


class PathMap(Configuration):
    template: str
    """Where a picture lies below the root; columns of the spreadsheet in braces, {pose} runs over the poses."""
    poses: Mapping[str, Any] = Field(default_factory=dict)
    """One row for each: our name = theirs."""
    onset: str = ""
    """Of a pair: where its frame at rest lies, the template being the apex."""


class ColumnMap(Configuration):
    """The user's answer to what the columns mean."""

    columns: Mapping[str, Any]
    """Our name = column of the spreadsheet."""
    path: PathMap
    sheet: str = ""
    """The first one if empty."""
    values: Mapping[str, Any] = Field(default_factory=dict)
    """For a column of ours, what its cells mean: theirs = ours."""

    @field_validator("columns")
    @classmethod
    def _person_and_label(cls, columns: Mapping[str, Any]) -> Mapping[str, Any]:
        for needed in ("person", "label"):
            if needed not in columns:
                reason = " (splits are by patient)" if needed == "person" else ""
                raise ValueError(f"must name {needed!r}{reason}, got {', '.join(columns) or 'none'}")
        for filled in FILLED_HERE:
            if filled in columns:
                raise ValueError(f"must not name {filled!r}, which is made from [path]; call that column another name")
        return columns

    def spreadsheet_columns(self) -> tuple[str, ...]:
        templates = self.path.template + self.path.onset
        fields = [name for _, name, _, _ in string.Formatter().parse(templates) if name and name != "pose"]
        return tuple(dict.fromkeys([*self.columns.values(), *fields]))


def read_column_map(path: Path) -> ColumnMap:
    """Raises TrainingError naming the key that is missing, unknown or mistyped."""
    if not path.is_file():
        raise TrainingError(
            f"{path}: no such column map. The columns of this data set are not published, so you have to name them; "
            "the format is in docs/how-to/bring-your-data.md."
        )
    return build(ColumnMap, read_toml(path), source=str(path))


def convert_with_column_map(
    conversion: Conversion, *, root: Path, table: Path, columns: ColumnMap, grades: GradeReader
) -> None:
    """One row of the spreadsheet is one image, one image per pose of the map, or a pair of frames where it has an
    onset."""
    for number, row in read_rows(table, columns=columns.spreadsheet_columns(), sheet=columns.sheet or None):
        poses: list[tuple[str | None, str]] = [(ours, str(theirs)) for ours, theirs in columns.path.poses.items()] or [
            (None, "")
        ]
        for pose, file_pose in poses:
            conversion.read += 1
            _add_row(
                conversion,
                row,
                f"{table.name} row {number}" + (f" pose {pose}" if pose else ""),
                root,
                columns,
                grades,
                pose,
                file_pose,
            )


def _add_row(
    conversion: Conversion,
    row: Row,
    where: str,
    root: Path,
    columns: ColumnMap,
    grades: GradeReader,
    pose: str | None,
    file_pose: str,
) -> None:
    cells = {name: text(cell) for name, cell in row.items()}
    ours = {name: cells[column] for name, column in columns.columns.items()}
    person = ours.pop("person")
    if not person:
        return conversion.drop(where, "no patient id: splits are by patient")
    try:
        label = _value(columns, "label", ours.pop("label"), grades.label)
        cell = ours.pop("side", "")
        listed = cell or "" in columns.values.get("side", {})
        side = _value(columns, "side", cell, grades.side) if listed else ""  # an empty cell: nobody wrote it down
    except ValueError as error:
        return conversion.drop(where, f"value not understood: {error}")
    if not 1 <= int(label) <= len(grades.labels):
        return conversion.drop(where, f"label out of range: {label}")
    relative = columns.path.template.format(**{**cells, "pose": file_pose})
    onset = columns.path.onset.format(**cells)
    for needed in (relative, onset) if onset else (relative,):
        if not (root / needed).is_file():
            return conversion.drop(where, f"file missing: {needed!r}")
    conversion.add(
        sample=relative,
        person=person,
        path=root / relative,
        label=int(label),
        side=str(side),
        pose=pose if pose is not None else ours.pop("pose", ""),
        split=ours.pop("split", ""),
        onset_path=root / onset if onset else None,
        where=where,
        **{k: v for k, v in ours.items() if k != "pose"},
    )
    return None


def _value(columns: ColumnMap, name: str, cell: str, read: Callable[[str], object]) -> Any:
    """Through [values.NAME] where the map has one (every value must then be in it), through the declared notation
    otherwise."""
    known = columns.values.get(name)
    if known is None:
        return read(cell)
    if cell not in known:
        raise ValueError(f"{name} {cell!r} is not in [values.{name}]")
    return read(known[cell]) if isinstance(known[cell], str) else known[cell]
