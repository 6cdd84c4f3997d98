"""What a person says about a model and no checkpoint knows: name, version, intended use, licence. Read from TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from export.errors import ExportError
from model_training.configuration import Configuration, load
from model_training.errors import TrainingError

RESEARCH_USE = "Research only; not a medical device. A clinician must judge every answer."


class Metadata(Configuration):
    """Fields of the manifest; thresholds as there (quality, out_of_distribution, heatmap_full_scale, ...)."""

    name: str
    version: str
    description: str
    training_data: str
    intended_use: str = RESEARCH_USE
    licence: str = "not stated: the licence follows from the training data's"
    limitations: tuple[str, ...] = Field(default=(), strict=False)
    thresholds: dict[str, Any] = Field(default_factory=dict)


def read_metadata(path: Path) -> Metadata:
    """Raises ExportError naming the file and the key."""
    try:
        return load(Metadata, path)
    except TrainingError as error:
        raise ExportError(str(error)) from error
