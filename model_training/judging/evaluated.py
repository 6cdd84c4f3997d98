"""What an evaluation says on the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Evaluated:
    """figures: as text with their intervals; warnings: sentences about what these people cannot say."""

    figures: Mapping[str, str]
    warnings: Sequence[str]

    @classmethod
    def of(cls, metrics: Mapping[str, Any]) -> Evaluated:
        """metrics: with `all` (figures and intervals by name) and `warnings`."""
        shown = {}
        for name, value in metrics["all"]["figures"].items():
            low, high = metrics["all"]["intervals"].get(name, (float("nan"), float("nan")))
            shown[name] = f"{value:.3f} [{low:.3f}, {high:.3f}]"
        return cls(shown, metrics["warnings"])
