"""A temperature for any micro-expression checkpoint from labelled clips that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_training.errors import TrainingError
from model_training.metrics.reliability import expected_calibration_error
from model_training.metrics.temperature import temperature_of_probabilities, tempered
from model_training.microexpression.folded.reference import as_tensor
from model_training.microexpression.inference.answers import answers_of
from model_training.microexpression.published_flow import FlowImages
from model_training.training.checkpoint import Checkpoint, save_checkpoint

FEWEST_CLIPS = 30
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Recalibrated:
    """ece_before: of the old temperature; ece_after: of new ones that each half of the people gets from the other half,
    because a calibration looks too good on the people that it was fitted on."""

    clips: int
    people: int
    before: float | None
    after: float
    ece_before: float
    ece_after: float

    def lines(self) -> Sequence[str]:
        there = "none" if self.before is None else f"{self.before:.3f}"
        return (
            f"calibrated on {self.clips} clips of {self.people} people",
            f"temperature: {there} -> {self.after:.3f}",
            f"ece: {self.ece_before:.3f} -> {self.ece_after:.3f} (each half of the people calibrated on the "
            "other half)",
        )


def recalibrate_clips(checkpoint: Checkpoint, clips: FlowImages, out: Path) -> Recalibrated:
    """Write the checkpoint with the temperature that fits these clips; the network stays as it is.

    Raises TrainingError for other classes than the checkpoint's, and for fewer than 30 clips or a single person.
    """
    if clips.class_names != checkpoint.labels:
        raise TrainingError(
            f"{checkpoint.path}: answers {', '.join(checkpoint.labels)}; the clips are of "
            f"{', '.join(clips.class_names)}"
        )
    names = np.asarray(clips.subject_names)
    if len(clips) < FEWEST_CLIPS or len(names) < 2:
        raise TrainingError(
            f"{len(clips)} clips of {len(names)} people; a temperature needs at least {FEWEST_CLIPS} clips of two "
            "people, and is worth having from some hundred clips on"
        )
    shares = answers_of(checkpoint)(as_tensor(clips.images)).mean(0)
    first = np.isin(clips.subjects, np.random.default_rng(SEED).permutation(names)[: len(names) // 2])
    others = np.empty_like(shares)
    for half in (first, ~first):
        others[half] = tempered(shares[half], _fit(shares, clips, ~half))
    everybody = np.ones(len(clips), bool)
    before = checkpoint.calibration.get("temperature")
    made = Recalibrated(
        clips=len(clips),
        people=len(names),
        before=None if before is None else float(before),
        after=_fit(shares, clips, everybody),
        ece_before=expected_calibration_error(tempered(shares, 1.0 if before is None else before), clips.labels),
        ece_after=expected_calibration_error(others, clips.labels),
    )
    said = {"clips": made.clips, "people": made.people, "ece": made.ece_after}
    save_checkpoint(
        replace(
            checkpoint,
            calibration={**checkpoint.calibration, "temperature": made.after},
            metrics={**checkpoint.metrics, "calibration": said},
        ),
        out,
    )
    return made


def _fit(shares: npt.NDArray[np.float32], clips: FlowImages, rows: npt.NDArray[np.bool_]) -> float:
    return temperature_of_probabilities(shares[rows], clips.labels[rows])
