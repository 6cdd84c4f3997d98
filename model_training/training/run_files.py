"""What a run's folder says before anything heavy is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from face.whole_file import write_text
from model_training.errors import TrainingError

STATE = "state.pt"
PLAN = "plan.json"
# May differ between the run that was interrupted and the one that goes on: they do not change what is learned.
FREE_TO_CHANGE = (
    *("run.out", "run.device", "run.threads", "run.workers", "run.tensorboard", "run.checkpoint_steps"),
    *("run.mlflow", "run.wandb"),
)


def refuse_run_in_use(out: Path, *, resume: bool) -> None:
    """Raises TrainingError for a folder that holds a run which the user did not ask to go on with."""
    if (out / STATE).is_file() and not resume:
        raise TrainingError(f"{out}: holds a run already. Go on with --resume, or choose another run.out.")


def training_folder(out: Path, plan: Mapping[str, Any], *, resume: bool, say: Callable[[str], object]) -> Path:
    """Where the training of a single file `out` keeps what it needs to go on: `OUT-training`. Nothing is written before
    `begin_training`.

    plan: everything that decides what is learned, as JSON. Raises TrainingError where there is a training that the user
    did not ask to go on with, and for one of another plan.
    """
    folder = out.with_name(f"{out.stem}-training")
    if not any(folder.glob("*.pt")):
        if resume:
            say(f"{folder}: nothing to resume yet, starting at the beginning")
        return folder
    if not resume:
        raise TrainingError(f"{folder}: holds a training already. Go on with --resume, or choose another --out.")
    cure = "repeat what it was begun with, or choose another --out"
    refuse_other_plan(folder / PLAN, plan, holds="a training", cure=cure)
    return folder


def begin_training(folder: Path, plan: Mapping[str, Any]) -> None:
    """What is kept in the folder from now on is of this plan, as `training_folder` has seen to."""
    write_text(json.dumps(plan), folder / PLAN)


def file_digest(path: Path) -> str:
    """SHA-256, for a plan."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def keep_plan(path: Path, plan: Mapping[str, Any], *, holds: str, cure: str) -> None:
    """Write what the finished parts of a folder were made with, so that parts of another plan never join them. Raises
    as `refuse_other_plan`."""
    refuse_other_plan(path, plan, holds=holds, cure=cure)
    write_text(json.dumps(plan), path)


def refuse_other_plan(path: Path, plan: Mapping[str, Any], *, holds: str, cure: str) -> None:
    """holds: the parts, in the plural. Raises TrainingError naming what differs in a plan that is there already."""
    if path.is_file():
        different = what_differs(json.loads(path.read_text(encoding="utf-8")), plan)
        if different:
            raise TrainingError(f"{path.parent}: holds {holds} made with another {', '.join(different)}; {cure}")


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
