"""The state of a run on disk: everything needed to go on as if nothing had happened, and what it refuses to go on
with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model_training.errors import TrainingError
from model_training.training.checkpoint import load_payload, save_atomically
from model_training.training.config import TrainConfig

STATE = "state.pt"
# May differ between the run that was interrupted and the one that goes on: they do not change what is learned.
FREE_TO_CHANGE = ("run.out", "run.device", "run.threads", "run.workers", "run.tensorboard", "run.checkpoint_steps")


@dataclass
class Progress:
    """Where a run is: the part of the state that is numbers."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = -1
    best_score: float = -float("inf")
    best_figures: dict[str, float] = field(default_factory=dict)
    loss_sum: float = 0.0


def save_state(config: TrainConfig, fingerprint: str, progress: Progress, learner: Mapping[str, Any]) -> None:
    """learner: `Learner.state_dict()`; fingerprint: of the cache's preprocessing."""
    save_atomically(
        {
            "config": config.to_dict(),
            "preprocessing": fingerprint,
            "progress": vars(progress).copy(),
            **learner,
        },
        Path(config.run.out) / STATE,
    )


def load_state(
    config: TrainConfig, fingerprint: str, *, resume: bool, say: Callable[[str], None]
) -> dict[str, Any] | None:
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
    if not resume:
        raise TrainingError(f"{out}: holds a run already. Go on with --resume, or choose another run.out.")
    state = load_payload(path)
    if state.get("preprocessing") != fingerprint:
        raise TrainingError(
            f"{path}: was trained on a cache of another preprocessing; the cache given is {fingerprint[:12]}"
        )
    different = what_differs(state["config"], config.to_dict())
    if different:
        raise TrainingError(
            f"{path}: belongs to another configuration, different in {', '.join(different)}. Choose another run.out."
        )
    return state


def what_differs(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Keys in which two configurations would not learn the same."""
    return [key for key in _differences(there, here) if not key.startswith(FREE_TO_CHANGE)]


def _differences(there: Mapping[str, Any], here: Mapping[str, Any], prefix: str = "") -> list[str]:
    names = []
    for key in sorted({*there, *here}):
        a, b = there.get(key), here.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            names += _differences(a, b, f"{prefix}{key}.")
        elif a != b:
            names.append(prefix + key)
    return names
