"""What the model reads on the photographs of a table, kept on disk: reading takes most of the time, and a command that
was stopped, or another one of the same table and model, goes on with what is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from face.errors import PreprocessingError
from face.frame.regions import MOSAIC_SIZE
from face.landmarks.found_face import LANDMARK_COUNT
from face.palsy.assessment.measuring.picture import SessionPicture
from face.vocabulary import HOUSE_BRACKMANN, REGIONS, SIDES
from model_training.data.cache import open_cache
from model_training.data.cache_build import build_cache
from model_training.data.producer import Layout, MakeRow, RowRefused
from model_training.data.sample_table import SampleTable
from model_training.errors import TrainingError
from model_training.runtime.arrays import Arrays

KIND = "session-readings"


@dataclass(frozen=True)
class Readings:
    """How photographs are read. read: raises PreprocessingError for one that cannot be used. made_by: what decides the
    readings, as JSON; those of another one are never taken. folder: where they are kept, beside each table for None."""

    read: Callable[[bytes], SessionPicture]
    made_by: Mapping[str, Any]
    folder: Path | None = None

    def of_table(
        self, table: SampleTable, *, progress: Callable[[int, int], object] | None = None
    ) -> dict[str, SessionPicture]:
        """The pictures that can be used, by sample_id. Raises as `build_cache`, TrainingError where nothing can be
        kept, and OSError for a file that is not there."""
        producer = ReadingProducer(self.read, self.made_by)
        where = self.folder / table.folder.name if self.folder is not None else table.folder / "readings"
        done = 0

        def more(rows: int) -> None:
            nonlocal done
            done += rows
            if progress is not None:
                progress(done, len(table))

        out = where / producer.fingerprint()[:12]
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(
                f"{out}: cannot be made ({error.strerror}); give --readings a folder to keep what is read"
            ) from error
        build_cache(table, out, producer=producer, jobs=0, progress=more)
        cache = open_cache(out, kind=KIND, fingerprint=producer.fingerprint())
        return {
            str(name): _picture({key: array[row] for key, array in cache.arrays.items()})
            for row, name in enumerate(cache.frame["sample_id"])
        }


@dataclass(frozen=True)
class ReadingProducer:
    """Photograph -> what an examination takes of it. Used in this process: `read` holds an open model."""

    read: Callable[[bytes], SessionPicture]
    made_by: Mapping[str, Any]
    kind: str = KIND

    def fingerprint(self) -> str:
        return hashlib.sha256(json.dumps(self.made_by, sort_keys=True).encode()).hexdigest()

    def spec_dict(self) -> Mapping[str, Any]:
        return self.made_by

    def arrays(self) -> Layout:
        return {
            "points": ((LANDMARK_COUNT, 3), "float32"),
            "image": ((1, MOSAIC_SIZE, MOSAIC_SIZE), "uint8"),
            "probabilities": ((len(HOUSE_BRACKMANN),), "float64"),
            "side_probabilities": ((len(SIDES),), "float64"),
            "turn_deg": ((2,), "float64"),
            "hidden": ((len(REGIONS),), "bool"),
        }

    def files(self, row: Mapping[str, Any]) -> list[str]:
        return [row["path"]]

    def open(self) -> MakeRow:
        def make(row: Mapping[str, Any], folder: Path) -> Arrays:
            try:
                picture = self.read((folder / row["path"]).read_bytes())
            except PreprocessingError as error:
                raise RowRefused(error.code, str(error)) from error
            return {
                "points": picture.points,
                "image": picture.image,
                "probabilities": picture.probabilities,
                "side_probabilities": picture.side_probabilities,
                "turn_deg": np.array([picture.yaw_deg, picture.pitch_deg]),
                "hidden": np.array([region in picture.hidden for region in REGIONS]),
            }

        return make


def _picture(arrays: Arrays) -> SessionPicture:
    yaw, pitch = arrays["turn_deg"]
    return SessionPicture(
        points=np.array(arrays["points"]),
        image=arrays["image"],
        probabilities=np.array(arrays["probabilities"]),
        side_probabilities=np.array(arrays["side_probabilities"]),
        yaw_deg=float(yaw),
        pitch_deg=float(pitch),
        hidden=frozenset(region for region, hidden in zip(REGIONS, arrays["hidden"], strict=True) if hidden),
    )
