"""A table of sessions -> what the model read on each photograph: once, however often the sessions are then assessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from face.palsy.assessment.measuring.picture import SessionPicture
from face.vocabulary import POSES, Pose
from model_training.data.sample_table import read_table
from model_training.errors import TrainingError
from model_training.palsy.evaluation.sessions.kept_readings import Readings

SESSION_COLUMNS = ("session_id", "visit_of", "visit", "severity")


@dataclass(frozen=True, eq=False)
class ReadSession:
    """One examination: its rows of the table by pose, and the pictures that could be read."""

    rows: dict[Pose, pd.Series]
    pictures: dict[Pose, SessionPicture]
    refused: int

    @property
    def truth(self) -> pd.Series:
        """What holds for all its photographs: grade, side, severities, person."""
        return next(iter(self.rows.values()))


def read_sessions(
    path: Path, readings: Readings, *, progress: Callable[[int, int], object] | None = None
) -> list[ReadSession]:
    """Raises TrainingError for a table that is none of sessions, and as `Readings.of_table`."""
    table = read_table(path)
    missing = [column for column in SESSION_COLUMNS if column not in table.frame.columns]
    if missing:
        raise TrainingError(
            f"{path}: no column {missing[0]!r}; this needs a table of sessions, as `htnet simulate sessions` writes"
        )
    pictures = readings.of_table(table, progress=progress)
    sessions = []
    for _, group in table.frame.groupby("session_id", sort=True):
        rows = dict(_rows_by_pose(group))
        usable = {pose: pictures[row["sample_id"]] for pose, row in rows.items() if row["sample_id"] in pictures}
        sessions.append(ReadSession(rows=rows, pictures=usable, refused=len(rows) - len(usable)))
    return sessions


def _rows_by_pose(group: pd.DataFrame) -> Iterator[tuple[Pose, pd.Series]]:
    for pose in POSES:
        found = group[group["pose"] == pose]
        if len(found):
            yield pose, found.iloc[0]
