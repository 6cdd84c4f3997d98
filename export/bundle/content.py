"""What a bundle says besides its graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from export.bundle.metadata import Metadata
from face.vocabulary import Task

CHECKPOINT_FILE, VISIBILITY_FILE = "checkpoint.pt", "visibility.pt"


@dataclass(frozen=True, kw_only=True)
class BundleContent:
    """What the bundle holds besides the graph. labels: the manifest's section; preprocessing: {"spec", "fingerprint"};
    weights: what the graph was made of, to train on from and to calibrate anew; name in the bundle -> file. The service
    never reads them."""

    task: Task
    metadata: Metadata
    labels: Mapping[str, Any]
    calibration: Mapping[str, Any]
    preprocessing: Mapping[str, Any]
    metrics: Mapping[str, Any]
    thresholds: Mapping[str, Any]
    card: str | None = None
    weights: Mapping[str, Path] = field(default_factory=dict)
