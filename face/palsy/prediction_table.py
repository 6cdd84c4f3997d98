"""Many photographs -> predictions.csv: the same table whether the shipped bundle or a checkpoint answers.

One row an image. A refused one has the service's error code and the reason, and no numbers.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from face.errors import PreprocessingError
from face.palsy.reading import ReadPhotograph
from face.vocabulary import REGIONS, SIDES
from face.whole_file import whole_file

FILE = "predictions.csv"

Value = str | int | float


@dataclass(frozen=True)
class Predictions:
    """images: how many were asked for; fewer rows than that where it was stopped with Ctrl-C."""

    table: Path
    images: int
    graded: int
    refused: int

    @property
    def stopped(self) -> bool:
        return self.graded + self.refused < self.images


def predict_photographs(
    images: Sequence[Path],
    read: Callable[[bytes], ReadPhotograph],
    labels: Sequence[str],
    out: Path,
    *,
    on_reading: Callable[[int, Path, ReadPhotograph], object] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Predictions:
    """Read every image and write OUT/predictions.csv, whole or not at all; Ctrl-C writes what was read so far.

    labels: names of the grades. on_reading: called with (number of the image from 0, its path, its reading) for each
    that was graded. progress: called with (images done, images in all).
    """
    out.mkdir(parents=True, exist_ok=True)  # what cannot be written is known before the work
    rows: list[dict[str, Value]] = []
    try:
        for number, path in enumerate(images):
            rows.append(_row(number, path, read, labels, on_reading))
            if progress is not None:
                progress(len(rows), len(images))
    except KeyboardInterrupt:
        pass  # `stopped` says so
    _write(rows, columns(labels), out / FILE)
    refused = sum(row["code"] != "" for row in rows)
    return Predictions(table=out / FILE, images=len(images), graded=len(rows) - refused, refused=refused)


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
            lines += [f"  {warning}" for warning in row["warnings"].split("; ") if warning]
    return lines


def columns(labels: Iterable[str]) -> list[str]:
    """The names of the table's columns, in order."""
    probabilities = [f"probability_{label}" for label in labels]
    sides = [f"side_probability_{side}" for side in SIDES]
    regions = [f"asymmetry_{region}" for region in REGIONS]
    head = ["path", "grade", "index", "probability", "expected", "prediction_set", "side", "side_probability"]
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
    try:
        result = read(path.read_bytes())
    except PreprocessingError as error:
        return {"path": path.as_posix(), "code": error.code, "reason": str(error)}
    except FileNotFoundError:
        return {"path": path.as_posix(), "code": "missing-file", "reason": "no such file"}
    except OSError as error:
        return {"path": path.as_posix(), "code": "unreadable-file", "reason": str(error)}
    if on_reading is not None:
        on_reading(number, path, result)
    return {
        "path": path.as_posix(),
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
