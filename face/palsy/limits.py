"""What an answer about a palsy is warned or refused for: the `thresholds` of a manifest or of a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from face.errors import InvalidLimits
from face.frame.quality import QualityLimits
from face.frame.regions import ASYMMETRY_FULL_SCALE


@dataclass(frozen=True, kw_only=True)
class AnswerLimits:
    """quality: of the photograph. warn_above, refuse_above: of the graph's `ood_score`, None = no limit of that kind.
    full_scale: the asymmetry that counts as 1 in a region, in inter-ocular distances."""

    quality: QualityLimits = field(default_factory=QualityLimits)
    warn_above: float | None = None
    refuse_above: float | None = None
    full_scale: float = ASYMMETRY_FULL_SCALE

    @classmethod
    def of(cls, thresholds: Mapping[str, Any]) -> AnswerLimits:
        """From a `thresholds` block; what it leaves out keeps the default. Raises InvalidLimits that says what is
        wrong."""
        unlike = thresholds.get("out_of_distribution") or {}
        try:
            return cls(
                quality=QualityLimits(**thresholds.get("quality", {})),
                warn_above=_limit(unlike.get("warn_above")),
                refuse_above=_limit(unlike.get("refuse_above")),
                full_scale=float(thresholds.get("heatmap_full_scale", ASYMMETRY_FULL_SCALE)),
            )
        except (TypeError, ValueError) as error:
            raise InvalidLimits(f"thresholds: {error}") from error


def _limit(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise ValueError(f"a limit of unlikeness must be a finite number, got {value}")
    return value
