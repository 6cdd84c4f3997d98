"""Sessions that were read -> arrays to train on, with the simulator's truth beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from face.palsy.assessment.measuring.corrected import MEASURED
from face.palsy.assessment.session_model import MEASURES_OF_HALF, session_tensors
from face.vocabulary import POSES, REGIONS, Pose
from model_training.errors import TrainingError
from model_training.palsy.evaluation.sessions.readings import ReadSession

# In the order of the network's halves.
HALVES = ("left", "right")


@dataclass(frozen=True, eq=False)
class SessionSamples:
    """tensors: the network's input, (N, 8, ...) each. movements (N, 8, 2, 10): the truth in the unit of the landmarks,
    NaN where there is none to learn. severities (N, 4). sides (N,): 1 left, 0 right, NaN where none is named. labels
    (N,): grades from 0. people (N,)."""

    tensors: dict[str, npt.NDArray[Any]]
    movements: npt.NDArray[np.float32]
    severities: npt.NDArray[np.float32]
    sides: npt.NDArray[np.float32]
    labels: npt.NDArray[np.intp]
    people: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.people)

    def folds(self, count: int, *, seed: int) -> npt.NDArray[np.intp]:
        """(N,) the fold of each session; those of one person lie in one."""
        names = np.unique(self.people)
        if len(names) < count:
            raise TrainingError(f"{len(names)} people are too few for {count} folds; simulate more")
        fold = dict(zip(names, np.random.default_rng(seed).permutation(len(names)) % count, strict=True))
        return np.array([fold[person] for person in self.people])


def session_samples(sessions: Sequence[ReadSession]) -> SessionSamples:
    """Sessions whose rest picture could be read. Raises TrainingError for none."""
    usable = [session for session in sessions if "rest" in session.pictures]
    if not usable:
        raise TrainingError("no session has a rest picture that can be read; nothing can be learned from these")
    each = [session_tensors(session.pictures) for session in usable]
    truth = [session.truth for session in usable]
    return SessionSamples(
        tensors={name: np.stack([tensors[name] for tensors in each]) for name in each[0]},
        movements=np.stack([_movements(session) for session in usable]),
        severities=np.array([[one[f"severity_{region}"] for region in REGIONS] for one in truth], np.float32),
        sides=np.array([{"left": 1.0, "right": 0.0}.get(one["side"], np.nan) for one in truth], np.float32),
        labels=np.array([int(one["label"]) - 1 for one in truth]),
        people=np.array([str(one["person_id"]) for one in truth]),
    )


def _movements(session: ReadSession) -> npt.NDArray[np.float32]:
    """(8, 2, 10)"""
    found = np.full((len(POSES), len(HALVES), len(MEASURES_OF_HALF)), np.nan, np.float32)
    measured = median(picture.halves.eye_distance for picture in session.pictures.values())
    unit_per_mm = measured / float(session.truth["iod_mm"])
    rest = session.rows["rest"]
    for pose in session.pictures:
        for half, side in enumerate(HALVES):
            found[POSES.index(pose), half] = unit_per_mm * _true_values(pose, session.rows[pose], rest, side)
    # The head's own frame begins elsewhere than the landmarks' does: what is true of a corner's height is by how much
    # it hangs lower than the other one. The level of both is the landmarks' own.
    heights = found[POSES.index("rest"), :, MEASURES_OF_HALF.index("rest_corner_down")]
    seen = session.pictures["rest"].halves
    heights += (seen.left.commissure[1] + seen.right.commissure[1]) / 2 - heights.mean()
    return found


def _true_values(pose: Pose, row: pd.Series, rest: pd.Series, side: str) -> npt.NDArray[np.float64]:
    """In millimetres, in the order of MEASURES_OF_HALF."""
    opening = float(row[f"opening_mm_{side}"])
    if pose == "rest":
        places = [rest[f"{name}_mm_{side}"] for name in ("brow_height", "commissure_out", "commissure_down")]
        return np.array([*[np.nan] * (len(MEASURED) - 1), opening, *places], np.float64)

    def change(name: str) -> float:
        return float(row[f"{name}_mm_{side}"] - rest[f"{name}_mm_{side}"])

    out, up = change("commissure_out"), -change("commissure_down")
    moved = [change("brow_height"), out, up, np.hypot(out, up), -change("upper_lip_down"), -change("ala_down"), opening]
    return np.array([*moved, *[np.nan] * (len(MEASURES_OF_HALF) - len(MEASURED))], np.float64)
