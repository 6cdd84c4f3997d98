"""The calibration of a palsy checkpoint fitted anew on people of its own: more of them, or those of another clinic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from model_training.errors import TrainingError
from model_training.palsy.evaluation.evaluate import Answered, answer, select
from model_training.runtime.distributed import check_device
from model_training.training.checkpoint import save_checkpoint
from model_training.training.task import Outputs

FEWEST_IMAGES = 30
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Recalibrated:
    """before, after: figures of the old calibration, and of new ones that each half of the people gets from the other
    half: a calibration looks too good on the people that it was fitted on."""

    people: int
    images: int
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    before: Mapping[str, float]
    after: Mapping[str, float]

    def lines(self) -> list[str]:
        rows = [f"calibrated on {self.images} images of {self.people} people"]
        for name in ("grade_temperature", "side_temperature", "conformal_threshold"):
            rows.append(f"{name}: {self.old[name]:.3f} -> {self.new[name]:.3f}")
        for name in ("ece", "coverage", "set_size"):
            rows.append(
                f"{name}: {self.before[name]:.3f} -> {self.after[name]:.3f} (each half of the people calibrated on the "
                "other half)"
            )
        return rows


def recalibrate(
    checkpoint: Path,
    cache_folder: Path,
    out: Path,
    *,
    split: str = "validation",
    device: str = "cpu",
    progress: Callable[[int, int], object] | None = None,
) -> Recalibrated:
    """Write the checkpoint with its calibration fitted on the rows of `split`; the network stays as it is.
    progress: called with (images done, all).

    Raises TrainingError as `evaluate.select`, and for fewer than 30 images or a single person.
    """
    check_device(device)
    selected = select(checkpoint, cache_folder, split=split)
    people = selected.frame["person_id"].to_numpy(str)
    names = np.unique(people)
    if len(people) < FEWEST_IMAGES or len(names) < 2:
        raise TrainingError(
            f"{cache_folder}: {len(people)} images of {len(names)} people in split {split!r}; a calibration needs at "
            f"least {FEWEST_IMAGES} images of two people, and is worth having from some hundred images on"
        )
    answered = answer(selected, device=device, progress=progress)
    loaded = answered.checkpoint
    new = answered.task.calibrate(answered.frame, answered.outputs)
    in_first = np.isin(people, np.random.default_rng(SEED).permutation(names)[: len(names) // 2])
    halves = _part(answered, in_first), _part(answered, ~in_first)
    by_the_other = [
        _figures(half, other.task.calibrate(other.frame, other.outputs)) for half, other in (halves, halves[::-1])
    ]
    images = [len(half.frame) for half in halves]
    result = Recalibrated(
        people=len(names),
        images=len(people),
        old=loaded.calibration,
        new=new,
        before=_figures(answered, loaded.calibration),
        after={
            name: float(np.average([figures[name] for figures in by_the_other], weights=images))
            for name in by_the_other[0]
        },
    )
    said = {"cache": cache_folder.name, "split": split, "people": result.people, "images": result.images}
    save_checkpoint(
        replace(loaded, calibration=new, metrics={**loaded.metrics, "calibration": {**said, **result.after}}), out
    )
    return result


def _part(answered: Answered, rows: np.ndarray) -> Answered:
    outputs: Outputs = {name: values[rows] for name, values in answered.outputs.items()}
    return replace(answered, frame=answered.frame[rows], outputs=outputs)


def _figures(answered: Answered, calibration: Mapping[str, Any]) -> dict[str, float]:
    figures = answered.judged(calibration).figures(np.arange(len(answered.frame)))
    return {name: figures[name] for name in ("ece", "coverage", "set_size")}
