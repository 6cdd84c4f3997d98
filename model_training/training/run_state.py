"""The state of a run on disk: everything needed to go on as if nothing had happened, and what it refuses to go on
with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from model_training.errors import TrainingError
from model_training.training.checkpoint import load_payload, save_atomically
from model_training.training.config import TrainConfig
from model_training.training.learner import LearnerState
from model_training.training.run_files import STATE, refuse_run_in_use, what_differs


@dataclass
class Progress:
    """Where a run is: the part of the state that is numbers."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = -1
    best_score: float = -float("inf")
    best_figures: dict[str, float] = field(default_factory=dict)
    loss_sum: float = 0.0


class RunState(LearnerState):
    """What run.out/state.pt holds. preprocessing: fingerprint of the cache's; progress: fields of Progress."""

    config: dict[str, Any]
    preprocessing: str
    progress: dict[str, Any]


def save_state(config: TrainConfig, fingerprint: str, progress: Progress, learner: LearnerState) -> None:
    """learner: `Learner.state_dict()`; fingerprint: of the cache's preprocessing."""
    state: RunState = {
        "config": config.to_dict(),
        "preprocessing": fingerprint,
        "progress": vars(progress).copy(),
        **learner,
    }
    save_atomically(state, Path(config.run.out) / STATE)


def load_state(config: TrainConfig, fingerprint: str, *, resume: bool, say: Callable[[str], None]) -> RunState | None:
    """What `save_state` wrote to run.out, or None where a run begins.

    Raises TrainingError where there is a run and `resume` was not asked for, and for a state of another configuration
    or preprocessing.
    """
    out = Path(config.run.out)
    path = out / STATE
    if not path.is_file():
        if resume:
            say(f"{out}: nothing to resume yet, starting at the first epoch")
        return None
    refuse_run_in_use(out, resume=resume)
    state = load_payload(path)
    if state.get("preprocessing") != fingerprint:
        raise TrainingError(
            f"{path}: was trained on a cache of another preprocessing; the cache given is {fingerprint[:12]}"
        )
    done = int(state["progress"]["epoch"])
    if config.optimisation.epochs < done:
        raise TrainingError(
            f"{path}: {done} epochs are trained already, more than optimisation.epochs={config.optimisation.epochs}"
        )
    different = what_differs(state["config"], config.to_dict())
    different = [key for key in different if key != "optimisation.epochs"]  # a run goes on to more epochs
    if different:
        raise TrainingError(
            f"{path}: belongs to another configuration, different in {', '.join(different)}. Choose another run.out."
        )
    there = state["config"]["optimisation"]["epochs"]
    if there != config.optimisation.epochs:
        say(
            f"{out}: planned for {there} epochs, goes on to {config.optimisation.epochs}; the learning rate follows "
            "the new plan from here on"
        )
    return cast("RunState", state)
