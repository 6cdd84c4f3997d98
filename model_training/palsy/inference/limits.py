"""The limits that a checkpoint's answers are held against: its own, or those of the bundle exported from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from face.errors import InvalidLimits
from face.palsy.decoding import PalsyCalibration
from face.palsy.limits import AnswerLimits
from model_training.errors import TrainingError
from model_training.training.checkpoint import Checkpoint


def limits_of(checkpoint: Checkpoint, *, bundle: Path | None = None) -> AnswerLimits:
    """The checkpoint's own limits; with the bundle that was exported from it, those that its manifest has since been
    given.

    Raises TrainingError for a folder that is no bundle, or one of another checkpoint.
    """
    if bundle is None:
        return _limits(checkpoint.calibration.get("thresholds", {}), source=checkpoint.path)
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
    return _limits(manifest.get("thresholds", {}), source=path)


def _limits(thresholds: Mapping[str, Any], *, source: object) -> AnswerLimits:
    try:
        return AnswerLimits.of(thresholds)
    except InvalidLimits as error:
        raise TrainingError(f"{source}: {error}") from error
