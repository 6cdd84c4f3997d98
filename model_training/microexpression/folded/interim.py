"""Where folded networks stand in the middle of their training, as a file: a chunk of folds, or an ensemble."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import torch

from model_training.errors import Interrupted
from model_training.microexpression.folded.training import Interim
from model_training.training.checkpoint import load_payload, save_atomically
from model_training.training.run_files import STATE


def save_interim(interim: Interim, probabilities: np.ndarray, losses: np.ndarray, path: Path) -> None:
    """probabilities (E, N, classes), losses (E, f): what was measured up to interim's epoch. Raises TrainingError where
    it cannot be written."""
    done = interim["epoch"]
    measured = {
        "probabilities": torch.from_numpy(probabilities[:done].copy()),
        "losses": torch.from_numpy(losses[:done].copy()),
    }
    save_atomically({"interim": interim, **measured}, path)


def load_interim(path: Path, probabilities: np.ndarray, losses: np.ndarray) -> Interim:
    """What `save_interim` wrote; the measured epochs are put into the two arrays. Raises TrainingError for a file that
    cannot be read."""
    stored = load_payload(path)
    interim = cast("Interim", stored["interim"])
    probabilities[: interim["epoch"]] = stored["probabilities"].numpy()
    losses[: interim["epoch"]] = stored["losses"].numpy()
    return interim


class KeptEnsemble:
    """FOLDER/state.pt of an ensemble that is trained, written after each epoch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def interim(self) -> Interim | None:
        """None where no epoch is done. Raises TrainingError for a file that cannot be read."""
        path = self.folder / STATE
        return cast("Interim", load_payload(path)["interim"]) if path.is_file() else None

    def keep(self, make: Callable[[], Interim]) -> None:
        save_atomically({"interim": make()}, self.folder / STATE)

    def stopped(self) -> Interrupted:
        done = self.interim()
        when = f"after epoch {done['epoch']}" if done else "before the first epoch ended"
        return Interrupted(
            f"Stopped {when}. Everything is saved in {self.folder}; the same command with --resume goes on."
        )
