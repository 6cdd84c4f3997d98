"""Many photographs -> predictions.csv: the same table whether the shipped bundle or a checkpoint answers.

One row an image. A refused one has the service's error code and the reason, and no numbers. `path` as it was named and
`sha256` of the file are what other tables can be joined by; the service's audit has the same hash.

    OUT/predictions.csv       written whole, when every photograph has its answer or Ctrl-C came
    OUT/answers/KEY/*.jsonl   each answer from the moment it is there; KEY: who answers, so that models never mix
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from face.errors import PreprocessingError
from face.palsy.answer_record import AnswerRecord, Value, state_of
from face.palsy.reading import ReadPhotograph
from face.vocabulary import REGIONS, SIDES
from face.whole_file import whole_file

FILE, ANSWERS = "predictions.csv", "answers"
# What the files themselves are to blame for may be another time it is asked: it is not kept.
OF_FILES = ("missing-file", "unreadable-file")


class Share(Protocol):
    """Of several that work on one list; its text, such as 2/8, names it."""

    def of(self, items: Sequence[Path]) -> list[Path]:
        """Its items."""


@dataclass(frozen=True)
class Predictions:
    """images: how many were asked for, of the share where there is one; fewer answers than that where it was stopped
    with Ctrl-C. known: of them were there from an earlier run. table: not written for a share."""

    table: Path
    images: int
    graded: int
    refused: int
    known: int = 0

    @property
    def stopped(self) -> bool:
        return self.graded + self.refused < self.images


def predict_photographs(
    images: Sequence[Path],
    read: Callable[[bytes], ReadPhotograph],
    labels: Sequence[str],
    out: Path,
    *,
    answered_by: Iterable[bytes],
    share: Share | None = None,
    on_reading: Callable[[int, Path, ReadPhotograph], object] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Predictions:
    """Read every image that has no answer in OUT yet, and write OUT/predictions.csv; Ctrl-C writes what is there.

    labels: names of the grades. answered_by: all that decides an answer beside the photograph. share: read only its
    images and write no table, which a call without one does. on_reading: called with (number of the image from 0, its
    path, its reading) for each that is graded now. progress: called with (images done, images in all).
    """
    key = hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in answered_by)).hexdigest()[:16]
    writer = "all" if share is None else str(share).replace("/", "-of-")
    out.mkdir(parents=True, exist_ok=True)  # what cannot be written is known before the work
    wanted = list(images) if share is None else share.of(images)
    numbers = {path: number for number, path in enumerate(images)}
    with AnswerRecord(out / ANSWERS / key, writer=writer) as record:
        rows = {path: row for path in wanted if (row := record.row_of(path)) is not None}
        known = len(rows)
        if known and progress is not None:
            progress(known, len(wanted))
        try:
            for path in wanted:
                if path in rows:
                    continue
                state = state_of(path)
                row = _row(numbers[path], path, read, labels, on_reading)
                rows[path] = row if state is None or row["code"] in OF_FILES else record.add(row, state)
                if progress is not None:
                    progress(len(rows), len(wanted))
        except KeyboardInterrupt:
            pass  # `stopped` says so
    if share is None:
        _write((rows[path] for path in wanted if path in rows), columns(labels), out / FILE)
    refused = sum(row["code"] != "" for row in rows.values())
    return Predictions(out / FILE, len(wanted), graded=len(rows) - refused, refused=refused, known=known)


def answers_in_words(table: Path) -> list[str]:
    """A line for each row of predictions.csv."""
    lines = []
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["code"]:
                lines.append(f"{row['path']}: not graded: {row['reason']} ({row['code']})")
                continue
            side = f"side {row['side']} ({float(row['side_probability']):.0%})"
            lines.append(
                f"{row['path']}: grade {row['grade']} ({float(row['probability']):.0%}, likely one of "
                f"{', '.join(row['prediction_set'].split())}), {side}"
            )
            # Sentences, within which a semicolon may stand too.
            lines += [f"  {warning}" for warning in re.split(r"(?<=\.); ", row["warnings"]) if warning]
    return lines


def columns(labels: Iterable[str]) -> list[str]:
    """The names of the table's columns, in order."""
    probabilities = [f"probability_{label}" for label in labels]
    sides = [f"side_probability_{side}" for side in SIDES]
    regions = [f"asymmetry_{region}" for region in REGIONS]
    head = ["path", "sha256", "grade", "index", "probability", "expected", "prediction_set", "side", "side_probability"]
    return [*head, *probabilities, *sides, *regions, "warnings", "code", "reason"]


def values_of(read: ReadPhotograph, labels: Sequence[str]) -> dict[str, Value]:
    """The numbers of one reading under the names of the table; index and expected count from 1, as in the service's
    answer."""
    reading = read.reading
    return {
        "grade": labels[reading.index],
        "index": reading.index + 1,
        "probability": reading.probability,
        "expected": reading.expected,
        "prediction_set": " ".join(labels[index] for index in reading.prediction_set),
        "side": reading.side,
        "side_probability": reading.side_probability,
        **{f"probability_{label}": float(value) for label, value in zip(labels, reading.probabilities, strict=True)},
        **{
            f"side_probability_{side}": float(value)
            for side, value in zip(SIDES, reading.side_probabilities, strict=True)
        },
        **{f"asymmetry_{region}": value for region, value in (read.regional or {}).items() if value is not None},
    }


def _row(
    number: int,
    path: Path,
    read: Callable[[bytes], ReadPhotograph],
    labels: Sequence[str],
    on_reading: Callable[[int, Path, ReadPhotograph], object] | None,
) -> dict[str, Value]:
    row: dict[str, Value] = {"path": path.as_posix()}
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {**row, "code": "missing-file", "reason": "no such file"}
    except OSError as error:
        return {**row, "code": "unreadable-file", "reason": str(error)}
    row["sha256"] = hashlib.sha256(data).hexdigest()
    try:
        result = read(data)
    except PreprocessingError as error:
        return {**row, "code": error.code, "reason": str(error)}
    if on_reading is not None:
        on_reading(number, path, result)
    return {
        **row,
        **values_of(result, labels),
        "warnings": "; ".join(result.warnings),
        "code": "",
        "reason": "",
    }


def _write(rows: Iterable[Mapping[str, Value]], names: Sequence[str], path: Path) -> None:
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
