"""Graded palsy photographs (FNP): folders `grade_1 .. grade_6/patient001_left.jpg`, or a csv
`image_path,grade,side,split` with a patient id."""

from __future__ import annotations

import re
from pathlib import Path

from face.image.files import images_under
from model_training.datasets.reading.conversion import Conversion
from model_training.datasets.reading.frames import require_folder
from model_training.datasets.reading.labels import GradeReader
from model_training.datasets.reading.spreadsheets import read_rows, text
from model_training.errors import TrainingError

# patient001_left.jpg, patient001_left_2.jpg, patient001.jpg: the id ends at the first underscore.
DEFAULT_STEM = r"(?P<person>[^_]+)(?:_(?P<side>left|right|none|normal))?(?:_.*)?"
_SPLITS = {
    "": "",
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


def stem_pattern(pattern: str) -> re.Pattern[str]:
    """A regular expression for the file-name stem with a group `person` (required: splits are by patient), optionally
    `side`, `pose`."""
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise TrainingError(f"--stem {pattern!r} is no regular expression ({error})") from error
    if "person" not in compiled.groupindex:
        raise TrainingError(f"--stem {pattern!r} needs a group (?P<person>...): splits are by patient")
    return compiled


def convert_grade_folders(conversion: Conversion, *, root: Path, grades: GradeReader, stem: re.Pattern[str]) -> None:
    """Folders named `grade_1`, `1`, `grade_III`, or by class (`normal`, `mild`, `severe`); images at any depth
    below."""
    require_folder(root, "grade folders")
    folders = sorted(item for item in root.iterdir() if item.is_dir() and not item.name.startswith("."))
    for folder in folders:
        name = re.sub(r"^(grade|hb|class)[\s_-]*", "", folder.name, flags=re.IGNORECASE)
        try:
            label = grades.label(name)
        except ValueError as error:
            raise TrainingError(f"{folder}: {error}. Say with --grades how the folders are named.") from error
        images = images_under(folder)
        for image in images:
            conversion.read += 1
            where = image.relative_to(root).as_posix()
            match = stem.fullmatch(image.stem)
            if match is None:
                conversion.drop(where, f"file name does not match --stem: {image.stem!r}")
                continue
            found = match.groupdict()
            conversion.add(
                sample=where,
                person=found["person"],
                path=image,
                label=label,
                side=grades.side(found.get("side")),
                pose=found.get("pose") or "",
            )
        if not images:
            conversion.notes.append(f"folder {folder.name!r} holds no image")


def convert_grade_table(
    conversion: Conversion,
    *,
    root: Path,
    table: Path,
    grades: GradeReader,
    person_column: str | None,
    stem: re.Pattern[str],
) -> None:
    """A csv or xlsx with image_path, grade and optionally side, split, pose; the patient id from `person_column` or the
    file-name stem."""
    for number, row in read_rows(table, columns=("image_path", "grade", *([person_column] if person_column else []))):
        conversion.read += 1
        where = f"{table.name} row {number}"
        path = root / text(row["image_path"]).replace("\\", "/")
        match = stem.fullmatch(path.stem)
        person = text(row[person_column]) if person_column else (match["person"] if match else "")
        split = text(row.get("split")).lower()
        try:
            label = grades.label(row["grade"])
        except ValueError as error:
            conversion.drop(where, f"label out of range: {error}")
            continue
        try:
            side = grades.side(row.get("side"))
        except ValueError as error:
            conversion.drop(where, f"side unreadable: {error}")
            continue
        if not person:
            conversion.drop(where, "no patient id: splits are by patient")
        elif split not in _SPLITS:
            conversion.drop(where, f"unknown split: {split!r}")
        elif not path.is_file():
            conversion.drop(where, f"file missing: {text(row['image_path'])!r}")
        else:
            conversion.add(
                sample=text(row["image_path"]),
                person=person,
                path=path,
                label=label,
                side=side,
                split=_SPLITS[split],
                pose=text(row.get("pose")),
            )
