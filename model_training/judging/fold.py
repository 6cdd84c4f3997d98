"""What a fold of a cross-validation leaves to be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_training.training.checkpoint import load_checkpoint
from model_training.training.task import Outputs


@dataclass(frozen=True, eq=False)
class Fold:
    """The answers of one fold's network for the rows of its test people, as the task collects them."""

    rows: npt.NDArray[np.int64]
    outputs: Outputs
    calibration: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Fold:
        with np.load(folder / "fold.npz", allow_pickle=False) as stored:
            outputs = {name: stored[name] for name in stored.files if name != "rows"}
            return cls(stored["rows"], outputs, load_checkpoint(folder / "best.pt").calibration)
