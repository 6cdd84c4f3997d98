"""Where a chunk of folds stands in the middle of its training, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import torch

from model_training.microexpression.folded.training import Interim
from model_training.training.checkpoint import load_payload, save_atomically


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
