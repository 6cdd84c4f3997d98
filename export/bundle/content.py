"""What a bundle says besides its graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.bundle.metadata import Metadata
from face.vocabulary import Task


@dataclass(frozen=True, kw_only=True)
class BundleContent:
    """What the bundle holds besides the graph. labels: the manifest's section; preprocessing: {"spec", "fingerprint"};
    checkpoint: the file that goes along."""

    task: Task
    metadata: Metadata
    labels: Mapping[str, Any]
    calibration: Mapping[str, Any]
    preprocessing: Mapping[str, Any]
    metrics: Mapping[str, Any]
    thresholds: Mapping[str, Any]
    card: str | None = None
    checkpoint: Path | None = None
