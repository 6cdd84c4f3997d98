"""The MEGC2019 composite's own list of clips: headerless `db,subject,video,label`, with a BOM and blank lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model_training.datasets.reading.people import person_number
from model_training.datasets.reading.spreadsheets import text_rows, whole_number
from model_training.errors import TrainingError


@dataclass(frozen=True)
class GroundTruth:
    """labels: (data set, subject number, clip) -> label from 1. Subjects are padded differently there and in the
    folders."""

    labels: Mapping[tuple[str, int, str], int]

    def label(self, dataset: str, subject: str, clip: str) -> int | None:
        return self.labels.get((_plain(dataset), person_number(subject) or 0, clip.strip().lower()))


def _plain(dataset: str) -> str:
    return {"casmeii": "casme2", "casme2": "casme2", "smic": "smic", "smichs": "smic", "samm": "samm"}.get(
        "".join(c for c in dataset.lower() if c.isalnum()), dataset.lower()
    )


def read_ground_truth(path: Path) -> GroundTruth:
    """Raises TrainingError naming the line for anything that is not db,subject,video,label with a label of 0, 1 or
    2."""
    if not path.is_file():
        raise TrainingError(f"{path}: no such ground-truth file")
    labels: dict[tuple[str, int, str], int] = {}
    for number, cells in enumerate(text_rows(path), start=1):
        if not any(cells):
            continue
        label = whole_number(cells[3]) if len(cells) == 4 else None
        subject = person_number(cells[1]) if len(cells) == 4 else None
        if label not in (0, 1, 2) or subject is None:
            raise TrainingError(
                f"{path}, line {number}: {','.join(cells)!r} is not db,subject,video,label with a label of 0, 1 or 2"
            )
        labels[_plain(cells[0]), subject, cells[2].strip().lower()] = label + 1
    return GroundTruth(labels)
