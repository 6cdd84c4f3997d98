"""A data set of examinations: photographs in sessions, and the table with their truth.

Parallel and resumable as the set of single photographs is (`model_training/simulator/dataset.py`).

    OUT/samples.parquet                        the table
    OUT/images/p00000/a/1/brow_lift.jpg        person, palsy (a, b, ...), visit (1, 2, ...), pose

Beside the columns of a sample table: `session_id`, `visit_of` (what the visits of one palsy share), `visit`, `pattern`,
the strength 0 .. 1 of the nasolabial folds (`fold_left`, `fold_right`), and the truth of each photograph in
millimetres.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import Field

from model_training.simulator.dataset import ROOM, PeopleConfig, PersonSimulator, person_name
from model_training.simulator.palsy import synkinesis
from model_training.simulator.patient import Palsy
from model_training.simulator.poses import MOVEMENTS
from model_training.simulator.sensor import JPEG_QUALITY, encode_jpeg, expose, sample_background
from model_training.simulator.sessions.palsies import sample_session_palsy
from model_training.simulator.sessions.regions import Regions
from model_training.simulator.sessions.visit import (
    IRIS_MM,
    IRIS_SPREAD_MM,
    TrueMeasures,
    true_measures,
    visit_shots,
)
from model_training.simulator.shot import Subject, sample_subject

# Places of a half of the face, in the words of `face.palsy.assessment.measuring.halves`.
MEASURED_POINTS = ("commissure", "upper_lip", "ala")

DATASET_NAME = "simulated-sessions"
# Keeps the generators of a session apart from those of single photographs of the same seed.
_PALSY, _IRIS, _ROOM = 1_000_000, 2_000_000, 3_000_000


class SessionSetConfig(PeopleConfig):
    """What to simulate."""

    palsies: int = Field(default=2, ge=1, le=26)
    """Palsies of each person, each an examination of its own."""
    visits: int = Field(default=2, ge=1, le=9)
    """Examinations of the same palsy, with another light, camera and effort."""
    regions: Regions = "alike"
    """alike: one severity in all regions, nearly; differ: patterns such as a spared forehead; healthy: no palsy."""
    size_px: int = Field(default=640, ge=128, le=2048)

    @property
    def photographs_per_person(self) -> int:
        return self.palsies * self.visits * len(MOVEMENTS)

    def simulator(self, out: Path) -> SessionSimulator:
        return SessionSimulator(out, self)

    def own_files(self) -> list[Path]:
        return sorted((ROOM / "sessions").glob("*.py"))

    def describe(self) -> Mapping[str, object]:
        return {"truth": "millimetres in the head's own frame: x to the patient's left, y down"}


class SessionSimulator(PersonSimulator):
    """Of examinations."""

    def __init__(self, out: Path, config: SessionSetConfig) -> None:
        super().__init__(out, config)
        self.config = config

    def simulate_person(self, number: int) -> list[dict[str, object]]:
        config = self.config
        subject = sample_subject(self.head, np.random.default_rng([config.seed, number]))
        iris_mm = IRIS_MM + IRIS_SPREAD_MM * float(np.random.default_rng([config.seed, number, _IRIS]).normal())
        rows = []
        for index in range(config.palsies):
            palsy, pattern = sample_session_palsy(
                config.regions, np.random.default_rng([config.seed, number, _PALSY, index])
            )
            for visit in range(config.visits):
                seed = [config.seed, number, _PALSY, index, visit]
                rows += self._visit(
                    number, subject, palsy, pattern, iris_mm=iris_mm, index=index, visit=visit, seed=seed
                )
        self.finish(number, rows)
        return rows

    def _visit(
        self,
        number: int,
        subject: Subject,
        palsy: Palsy,
        pattern: str,
        *,
        iris_mm: float,
        index: int,
        visit: int,
        seed: list[int],
    ) -> list[dict[str, object]]:
        config, name = self.config, person_name(number)
        folder = f"images/{name}/{string.ascii_lowercase[index]}/{visit + 1}"
        (self.out / folder).mkdir(parents=True, exist_ok=True)
        palsy_id = f"{config.regions}{config.seed}-{name}-{string.ascii_lowercase[index]}"
        rows = []
        for shot in visit_shots(self.head, subject, palsy, iris_mm=iris_mm, seed=seed):
            # The same for all pictures of a visit, apart from the generators that drew what they show: one room, one
            # camera with its settings.
            rng = np.random.default_rng([*seed, _ROOM])
            picture = self.renderer.render(
                shot.vertices, shot.look, shot.camera, sample_background(rng, config.size_px)
            )
            path = f"{folder}/{shot.pose.name}.jpg"
            (self.out / path).write_bytes(encode_jpeg(expose(picture, rng), int(rng.integers(*JPEG_QUALITY))))
            rows.append(
                {
                    "sample_id": f"{palsy_id}-{visit + 1}-{shot.pose.name}",
                    "person_id": f"{config.regions}{config.seed}-{name}",
                    "path": path,
                    "split": config.split,
                    "dataset": DATASET_NAME,
                    **shot.row(),
                    "session_id": f"{palsy_id}-{visit + 1}",
                    "visit_of": palsy_id,
                    "visit": visit + 1,
                    "pattern": pattern,
                    "brow_synkinesis": palsy.brow_synkinesis,
                    "ocular_synkinesis": palsy.synkinesis * synkinesis(palsy.severity.eye) * shot.pose.moves_mouth,
                    "iris_mm": iris_mm,
                    "fold_left": round(shot.look.creases.nose_fold[0], 4),
                    "fold_right": round(shot.look.creases.nose_fold[1], 4),
                    **truth_columns(true_measures(self.renderer, shot.vertices)),
                }
            )
        return rows


def truth_columns(measured: TrueMeasures) -> dict[str, float]:
    """`iod_mm`; by side `opening_mm_*`, `brow_height_mm_*`, and of each measured point `<point>_out_mm_*` from the
    midline and `<point>_down_mm_*` from the middle of the head."""
    columns = {"iod_mm": measured.halves.eye_distance}
    for side, half in (("left", measured.halves.left), ("right", measured.halves.right)):
        columns[f"opening_mm_{side}"] = measured.opening[side]
        columns[f"brow_height_mm_{side}"] = half.brow_height
        for point in MEASURED_POINTS:
            columns[f"{point}_out_mm_{side}"], columns[f"{point}_down_mm_{side}"] = getattr(half, point)
    return {name: round(value, 3) for name, value in columns.items()}
