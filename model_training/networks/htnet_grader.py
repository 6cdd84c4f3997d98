"""Plain HTNet as a palsy model: the baseline that looks at the mosaic as a whole and knows no mirror."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from model_training.networks.htnet import HTNet
from model_training.networks.palsy_heads import class_logits, ordered_logits
from model_training.saved_folder import SavedInFolder


class HTNetGrader(SavedInFolder, nn.Module):
    """`model(images)` -> class logits (N, num_classes); `model.forward_all(images)` -> grade_logits
    (N, num_classes - 1) never increasing, side_logits (N, 3) left, right, none.

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

    def forward_all(self, images: Tensor) -> dict[str, Tensor]:
        logits = self.network(images)
        return {
            "grade_logits": ordered_logits(logits[:, : self.thresholds]),
            "side_logits": logits[:, self.thresholds :],
        }

    def forward(self, images: Tensor, *, all_outputs: bool = False) -> Tensor | dict[str, Tensor]:
        """all_outputs: what `forward_all` returns, for wrappers of the network that know only `forward`."""
        outputs = self.forward_all(images)
        return outputs if all_outputs else class_logits(outputs["grade_logits"])
