"""What an answer about a palsy is warned or refused for: the `thresholds` of a manifest or of a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from face.errors import InvalidLimits
from face.frame.quality import QualityLimits
from face.frame.regions import ASYMMETRY_FULL_SCALE
from face.palsy.decoding import TurnedHead
from face.palsy.visibility import SeenLimits


@dataclass(frozen=True, kw_only=True)
class AnswerLimits:
    """quality: of the photograph. warn_above, refuse_above: of the graph's `ood_score`, None = no limit of that kind.
    full_scale: the asymmetry that counts as 1 in a region, in inter-ocular distances.
    visibility: how much of a region must be seen. turned_head: what a turned head takes from the grade's logits."""

    quality: QualityLimits = field(default_factory=QualityLimits)
    warn_above: float | None = None
    refuse_above: float | None = None
    full_scale: float = ASYMMETRY_FULL_SCALE
    visibility: SeenLimits = field(default_factory=SeenLimits)
    turned_head: TurnedHead = field(default_factory=TurnedHead)

    @classmethod
    def of(cls, thresholds: Mapping[str, Any]) -> AnswerLimits:
        """From a `thresholds` block; what it leaves out keeps the default. Raises InvalidLimits that names the
        key at fault, an unknown one included."""
        try:
            _known(thresholds, ("quality", "out_of_distribution", "heatmap_full_scale", "visibility", "turned_head"))
            quality, unlike = thresholds.get("quality", {}), thresholds.get("out_of_distribution") or {}
            seen, turned = thresholds.get("visibility") or {}, thresholds.get("turned_head") or {}
            _known(quality, [limit.name for limit in fields(QualityLimits)], within="quality.")
            _known(unlike, ("warn_above", "refuse_above"), within="out_of_distribution.")
            _known(seen, [number.name for number in fields(SeenLimits)], within="visibility.")
            _known(turned, [number.name for number in fields(TurnedHead)], within="turned_head.")
            return cls(
                quality=QualityLimits(**quality),
                warn_above=_limit(unlike.get("warn_above")),
                refuse_above=_limit(unlike.get("refuse_above")),
                full_scale=_scale(thresholds.get("heatmap_full_scale", ASYMMETRY_FULL_SCALE)),
                visibility=_seen(seen),
                turned_head=TurnedHead(**turned),
            )
        except (TypeError, ValueError) as error:
            raise InvalidLimits(f"thresholds: {error}") from error


def _limit(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise ValueError(f"a limit of unlikeness must be a finite number, got {value}")
    return value


def _scale(value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"heatmap_full_scale must be a positive number, got {value}")
    return float(value)


def _seen(limits: Mapping[str, float | None]) -> SeenLimits:
    """Bundles of 0.13.0 know one limit, `seen_from`, for everything."""
    given = {name: value for name, value in limits.items() if value is not None}
    if "seen_from" in given:
        given = {number.name: given["seen_from"] for number in fields(SeenLimits)} | given
    return SeenLimits(**given)


def _known(section: Mapping[str, Any], known: Collection[str], *, within: str = "") -> None:
    for name in section:
        if name not in known:
            raise ValueError(f"unknown key {within + name!r}; known here: {', '.join(known)}")
