"""How a data set writes grades and sides, as the user declared it: nothing here is inferred from the data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from face.vocabulary import HOUSE_BRACKMANN
from model_training.datasets.reading.spreadsheets import text
from model_training.errors import TrainingError

THREE = ("normal", "mild", "severe")
_SIDES = {
    "l": "left",
    "left": "left",
    "r": "right",
    "right": "right",
    "n": "none",
    "none": "none",
    "normal": "none",
    "": "",
}


@dataclass(frozen=True, kw_only=True)
class GradeReader:
    """How a data set writes its grades.

    labels: target names in order. first: what the lowest grade is written as (0 or 1). groups: six grades into fewer
    classes; groups[i] is the class (from 1) of grade i + 1; empty = as they are.
    """

    labels: tuple[str, ...]
    first: int = 1
    groups: tuple[int, ...] = ()
    names: Mapping[str, int] = field(default_factory=dict)

    def label(self, value: object) -> int:
        """Label from 1. ValueError with the value when it is no grade of the declared kind."""
        word = text(value).lower()
        if not word:
            raise ValueError("the cell is empty")
        if word in self.names:
            return self.names[word]
        named = {name.lower(): index for index, name in enumerate(self.labels, start=1)}
        if not self.groups and word in named:
            return named[word]
        roman = {name.lower(): index for index, name in enumerate(HOUSE_BRACKMANN, start=1)}
        written = len(self.groups) or len(self.labels)
        if word in roman and written == len(HOUSE_BRACKMANN):
            grade = roman[word]
        else:
            digits = re.fullmatch(r"-?\d+", word)
            if digits is None:
                raise ValueError(f"{text(value)!r} is no grade")
            grade = int(word) - self.first + 1
        if not 1 <= grade <= written:
            raise ValueError(f"grade {text(value)} is outside {self.first}..{self.first + written - 1}")
        return self.groups[grade - 1] if self.groups else grade

    def side(self, value: object) -> str:
        """left, right, none or empty (unknown). ValueError for any other word."""
        word = text(value).lower()
        if word not in _SIDES:
            raise ValueError(f"{text(value)!r} is no side (left, right, none or empty)")
        return _SIDES[word]


def grade_reader(*, grades: str, classes: int, merge: str = "") -> GradeReader:
    """From the command line: grades `1..6`, `0..5`, `1..3`, `0..2` or `names`; merge `1;2,3;4,5,6` makes three classes
    of six grades.

    Raises TrainingError for a range that does not fit the classes.
    """
    labels = {3: THREE, 6: HOUSE_BRACKMANN}.get(classes)
    if labels is None:
        raise TrainingError(f"--classes must be 3 (normal, mild, severe) or 6 (House-Brackmann I to VI), got {classes}")
    if grades == "names":
        if merge:
            raise TrainingError(
                f"--merge {merge!r} would have no effect: --grades names are the classes themselves "
                f"({', '.join(labels)})"
            )
        return GradeReader(labels=labels)
    match = re.fullmatch(r"([01])\.\.(\d)", grades)
    if match is None:
        raise TrainingError(
            f"--grades must say how the grades are written: 1..6, 0..5, 1..3, 0..2 or names; got {grades!r}"
        )
    first, count = int(match.group(1)), int(match.group(2)) - int(match.group(1)) + 1
    if merge:
        return GradeReader(labels=labels, first=first, groups=_groups(merge, first=first, count=count, classes=classes))
    if count != classes:
        raise TrainingError(
            f"--grades {grades} are {count} grades, --classes is {classes}; say which grades form a class, e.g. "
            "--merge '1;2,3;4,5,6'"
        )
    return GradeReader(labels=labels, first=first)


def _groups(merge: str, *, first: int, count: int, classes: int) -> tuple[int, ...]:
    parts = [[int(number) for number in re.findall(r"\d+", part)] for part in merge.split(";")]
    flat = [number for part in parts for number in part]
    if flat != list(range(first, first + count)) or len(parts) != classes:
        raise TrainingError(
            f"--merge {merge!r} must name every grade {first}..{first + count - 1} once, in order, in {classes} "
            "groups separated by ';'"
        )
    return tuple(index for index, part in enumerate(parts, start=1) for _ in part)
