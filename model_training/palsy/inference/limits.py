"""What an answer is refused or warned for, as in the service: the thresholds of a checkpoint or of its bundle."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from face.frame.quality import QualityLimits
from face.frame.regions import ASYMMETRY_FULL_SCALE
from face.palsy.decoding import PalsyCalibration
from model_training.errors import TrainingError
from model_training.training.checkpoint import Checkpoint


@dataclass(frozen=True, kw_only=True)
class AnswerLimits:
    """quality: of the photograph. warn_above, refuse_above: of the graph's `ood_score`, None = no limit of that kind.
    full_scale: the asymmetry that counts as 1 in a region, in inter-ocular distances."""

    quality: QualityLimits = field(default_factory=QualityLimits)
    warn_above: float | None = None
    refuse_above: float | None = None
    full_scale: float = ASYMMETRY_FULL_SCALE

    @classmethod
    def of(cls, thresholds: Mapping[str, Any], *, source: str) -> AnswerLimits:
        """From the `thresholds` block of a checkpoint's calibration or of a manifest. Raises TrainingError naming what
        is wrong."""
        unlike = thresholds.get("out_of_distribution") or {}
        try:
            return cls(
                quality=QualityLimits(**thresholds.get("quality", {})),
                warn_above=_limit(unlike.get("warn_above")),
                refuse_above=_limit(unlike.get("refuse_above")),
                full_scale=float(thresholds.get("heatmap_full_scale", ASYMMETRY_FULL_SCALE)),
            )
        except (TypeError, ValueError) as error:
            raise TrainingError(f"{source}: thresholds: {error}") from error


def _limit(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise ValueError(f"a limit of unlikeness must be a finite number, got {value}")
    return value


def limits_of(checkpoint: Checkpoint, *, bundle: Path | None = None) -> AnswerLimits:
    """The checkpoint's own limits; with the bundle that was exported from it, those that its manifest has since been
    given.

    Raises TrainingError for a folder that is no bundle, or one of another checkpoint.
    """
    if bundle is None:
        return AnswerLimits.of(checkpoint.calibration.get("thresholds", {}), source=str(checkpoint.path))
    path = bundle / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        same = (
            tuple(manifest["labels"]["grades"]) == checkpoint.labels
            and manifest["input"]["fingerprint"] == checkpoint.preprocessing["fingerprint"]
            and PalsyCalibration.from_dict(manifest["calibration"])
            == PalsyCalibration.from_dict(checkpoint.calibration)
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{path}: not the manifest of a palsy bundle ({error})") from error
    if not same:
        raise TrainingError(f"{path}: was exported from another checkpoint than {checkpoint.path}")
    return AnswerLimits.of(manifest.get("thresholds", {}), source=str(path))
