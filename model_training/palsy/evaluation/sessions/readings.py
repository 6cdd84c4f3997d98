"""A table of sessions -> what the model read on each photograph: once, however often the sessions are then assessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from face.errors import PreprocessingError
from face.palsy.assessment.measuring.picture import SessionPicture
from face.vocabulary import POSES, Pose
from model_training.data.sample_table import read_table
from model_training.errors import TrainingError

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
    tables: Sequence[Path],
    read: Callable[[bytes], SessionPicture],
    *,
    progress: Callable[[int, int], object] | None = None,
) -> list[ReadSession]:
    """read: raises PreprocessingError for a photograph that cannot be used. Raises TrainingError for a table that is
    none of sessions."""
    loaded = [read_table(path) for path in tables]
    for path, table in zip(tables, loaded, strict=True):
        missing = [column for column in SESSION_COLUMNS if column not in table.frame.columns]
        if missing:
            raise TrainingError(
                f"{path}: no column {missing[0]!r}; this needs a table of sessions, as `htnet simulate sessions` writes"
            )
    total, done = sum(len(table) for table in loaded), 0
    sessions = []
    for table in loaded:
        for _, group in table.frame.groupby("session_id", sort=True):
            rows = dict(_rows_by_pose(group))
            pictures: dict[Pose, SessionPicture] = {}
            for pose, row in rows.items():
                try:
                    pictures[pose] = read(table.path(row["path"]).read_bytes())
                except PreprocessingError:
                    continue
                finally:
                    done += 1
                    if progress is not None:
                        progress(done, total)
            sessions.append(ReadSession(rows=rows, pictures=pictures, refused=len(rows) - len(pictures)))
    return sessions


def _rows_by_pose(group: pd.DataFrame) -> Iterator[tuple[Pose, pd.Series]]:
    for pose in POSES:
        found = group[group["pose"] == pose]
        if len(found):
            yield pose, found.iloc[0]
