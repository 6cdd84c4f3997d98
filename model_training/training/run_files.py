"""What a run's folder says before anything heavy is loaded."""

from __future__ import annotations

from pathlib import Path

from model_training.errors import TrainingError

STATE = "state.pt"


def refuse_run_in_use(out: Path, *, resume: bool) -> None:
    """Raises TrainingError for a folder that holds a run which the user did not ask to go on with."""
    if (out / STATE).is_file() and not resume:
        raise TrainingError(f"{out}: holds a run already. Go on with --resume, or choose another run.out.")
