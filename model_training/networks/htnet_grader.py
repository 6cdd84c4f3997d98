"""Plain HTNet as a palsy model: the baseline that looks at the mosaic as a whole and knows no mirror."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from model_training.networks.htnet import HTNet
from model_training.networks.palsy_heads import ordered_logits


class HTNetGrader(nn.Module):
    """`model(images)` -> grade_logits (N, num_classes - 1) never increasing, side_logits (N, 3) left, right, none.

    Unlike HTNetEnhanced it gives the mirrored answer for the mirrored photograph only as far as training taught it, and
    it has no maps.
    """

    def __init__(self, *, num_classes: int = 6, **htnet: Any) -> None:
        super().__init__()
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2, got {num_classes}")
        self.thresholds = num_classes - 1
        self.network = HTNet(num_classes=self.thresholds + 3, **htnet)
        self.config: dict[str, Any] = {**self.network.config, "num_classes": num_classes}

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        logits = self.network(images)
        return {
            "grade_logits": ordered_logits(logits[:, : self.thresholds]),
            "side_logits": logits[:, self.thresholds :],
        }
