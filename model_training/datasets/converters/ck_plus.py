"""CK+: posed expressions of healthy people. It has no palsy grades: healthy controls, or grades from a map that the
user supplies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from model_training.datasets.reading.conversion import Conversion
from model_training.datasets.reading.frames import numbered_frames, require_folder
from model_training.datasets.reading.labels import GradeReader
from model_training.datasets.reading.spreadsheets import read_rows, text
from model_training.errors import TrainingError

CK_EMOTIONS = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")


def convert_ck_plus(conversion: Conversion, *, root: Path, grade_map: Path | None = None, grades: GradeReader) -> None:
    """`cohn-kanade-images/S005/001/S005_001_00000011.png`, `Emotion/S005/001/S005_001_00000011_emotion.txt` (may be
    missing).

    Of each sequence the first frame (pose `rest`) and the last (the peak; pose = the emotion, or empty where none is
    annotated). Without a grade map all are grade 1, side none. grade_map: a table with columns subject, grade and
    optionally sequence, side; what it does not name is dropped.
    """
    images = require_folder(root / "cohn-kanade-images", "CK+ images")
    given = _read_grade_map(grade_map, grades) if grade_map is not None else None
    for subject in sorted(item for item in images.iterdir() if item.is_dir()):
        for sequence in sorted(item for item in subject.iterdir() if item.is_dir()):
            conversion.read += 1
            where = f"{subject.name}/{sequence.name}"
            frames = list(numbered_frames(sequence).values())
            if len(frames) < 2:
                conversion.drop(where, f"too few frames: {len(frames)}")
                continue
            label, side = (1, "none") if given is None else _given(given, subject.name, sequence.name)
            if label is None:
                conversion.drop(where, "not in the grade map")
                continue
            try:
                emotion = read_emotion(root / "Emotion" / subject.name / sequence.name)
            except ValueError as error:
                conversion.drop(where, f"emotion file unreadable: {error}")
                continue
            for frame, pose in ((frames[0], "rest"), (frames[-1], emotion)):
                conversion.add(
                    sample=f"{where}/{frame.stem}", person=subject.name, path=frame, label=label, side=side, pose=pose
                )


def read_emotion(folder: Path) -> str:
    """The emotion's name from the one float in `*_emotion.txt`; empty where the file is missing. ValueError for
    anything else."""
    files = sorted(folder.glob("*_emotion.txt")) if folder.is_dir() else []
    if not files:
        return ""
    content = files[0].read_text(encoding="utf-8").strip()
    code = float(content)
    if code != int(code) or not 0 <= code < len(CK_EMOTIONS):
        raise ValueError(f"{files[0].name} holds {content!r}, a number 0..7 was expected")
    return CK_EMOTIONS[int(code)]


def _read_grade_map(path: Path, grades: GradeReader) -> Mapping[tuple[str, str], tuple[int, str]]:
    given: dict[tuple[str, str], tuple[int, str]] = {}
    for number, row in read_rows(path, columns=("subject", "grade")):
        try:
            label, side = grades.label(row["grade"]), grades.side(row.get("side"))
        except ValueError as error:
            raise TrainingError(f"{path}, row {number}: {error}") from error
        given[text(row["subject"]), text(row.get("sequence"))] = (label, side)
    return given


def _given(given: Mapping[tuple[str, str], tuple[int, str]], subject: str, sequence: str) -> tuple[int | None, str]:
    return given.get((subject, sequence)) or given.get((subject, "")) or (None, "")
