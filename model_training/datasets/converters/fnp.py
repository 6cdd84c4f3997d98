"""Graded palsy photographs (FNP): folders `grade_1 .. grade_6/patient001_left.jpg`, or a csv
`image_path,grade,side,split` with a patient id."""

from __future__ import annotations

import re
from pathlib import Path

from face.image.files import images_under
from model_training.datasets.reading.conversion import Conversion
from model_training.datasets.reading.frames import require_folder
from model_training.datasets.reading.labels import GradeReader
from model_training.datasets.reading.people import refuse_doubtful_people
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


def convert_grade_folders(
    conversion: Conversion, *, root: Path, grades: GradeReader, stem: re.Pattern[str], stem_chosen: bool = True
) -> None:
    """stem_chosen: the user said how file names are read; otherwise names that hardly are people's are refused.

    Folders named `grade_1`, `1`, `grade_III`, or by class (`normal`, `mild`, `severe`); images at any depth
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
        _list_what_is_not_read(conversion, folder, root, images)
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
    _check_people(conversion, stem_chosen)


def _check_people(conversion: Conversion, stem_chosen: bool) -> None:
    people = [str(row["person_id"]).partition("/")[2] for row in conversion.rows]
    if people:
        conversion.notes += refuse_doubtful_people(
            people, [row["label"] for row in conversion.rows], chosen=stem_chosen
        )


def _list_what_is_not_read(conversion: Conversion, folder: Path, root: Path, images: list[Path]) -> None:
    """Every other file of the folder is counted and has its reason: nobody is lost unnoticed."""
    read = set(images)
    for item in sorted(folder.rglob("*")):
        if item in read or item.is_dir() or item.name in (".DS_Store", "Thumbs.db", "desktop.ini"):
            continue
        conversion.read += 1
        if item.name.startswith("._"):
            reason = "attributes that macOS keeps beside a file, no picture"
        elif not item.exists():
            reason = f"link that leads nowhere: {item.readlink()}"
        else:
            kind = item.suffix.lower() or "no suffix"
            reason = f"not a format that is read ({kind}): save it as JPEG or PNG"
        conversion.drop(item.relative_to(root).as_posix(), reason)


def convert_grade_table(
    conversion: Conversion,
    *,
    root: Path,
    table: Path,
    grades: GradeReader,
    person_column: str | None,
    stem: re.Pattern[str],
    stem_chosen: bool = True,
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
                where=where,
            )
    if person_column is None:
        _check_people(conversion, stem_chosen)
