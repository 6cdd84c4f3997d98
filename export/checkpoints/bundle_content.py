"""What checkpoints of every task say about their bundle in the same fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from export.bundle.content import CHECKPOINT_FILE, BundleContent
from export.bundle.metadata import Metadata
from export.errors import ExportError
from face.vocabulary import Task
from model_training.training.checkpoint import Checkpoint


def bundle_content(
    checkpoints: Sequence[Checkpoint],
    *,
    task: Task,
    labels: str,
    calibration: Sequence[str],
    thresholds: Mapping[str, Any],
    metadata: Metadata | None = None,
) -> BundleContent:
    """labels: what the manifest calls them; calibration: names of the numbers that the service needs; metadata: by
    default a few words from the first checkpoint. Raises ExportError for a checkpoint without calibration."""
    first = checkpoints[0]
    return BundleContent(
        task=task,
        metadata=metadata or plain_metadata(first),
        labels={labels: list(first.labels)},
        calibration=_numbers(first, calibration),
        preprocessing=first.preprocessing,
        metrics=first.metrics,
        thresholds=thresholds,
        weights=(
            {CHECKPOINT_FILE: first.path}
            if len(checkpoints) == 1 and first.path is not None and first.path.is_file()
            else {}
        ),
    )


def _numbers(checkpoint: Checkpoint, names: Sequence[str]) -> dict[str, float]:
    missing = [name for name in names if name not in checkpoint.calibration]
    if missing:
        raise ExportError(
            f"{checkpoint.path}: has no calibration ({', '.join(missing)} missing). Training writes it when it ends; "
            "finish the run with --resume, or export the best checkpoint of a finished run."
        )
    return {name: float(checkpoint.calibration[name]) for name in names}


def plain_metadata(checkpoint: Checkpoint) -> Metadata:
    datasets = checkpoint.training_data.get("datasets", checkpoint.training_data.get("name", "not recorded"))
    stated = ", ".join(map(str, datasets)) if isinstance(datasets, list | tuple | Mapping) else str(datasets)
    return Metadata(
        name=f"{checkpoint.task}-custom",
        version="0.1.0",
        description=f"{checkpoint.task} model exported from {Path(checkpoint.path or 'a checkpoint').name}.",
        training_data=stated,
    )
