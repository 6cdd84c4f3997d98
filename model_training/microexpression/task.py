"""Micro-expression classification from flow images as a training task: the same loop, HTNet and cross-entropy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from face.probability import softmax
from model_training.data.cache import Cache
from model_training.errors import TrainingError
from model_training.networks.htnet import HTNet
from model_training.palsy.augmentation import augment_flow
from model_training.palsy.evaluation.grading_figures import confusion_matrix, macro_f1, per_class_recall
from model_training.training.config import TrainConfig, build
from model_training.training.task import Arrays, Augment, Outputs


@dataclass(frozen=True, kw_only=True)
class FlowLossConfig:
    label_smoothing: float = 0.0


class MicroExpressionTask:
    kind = "microexpression"

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.labels = config.data.labels
        self.loss_config = build(FlowLossConfig, config.loss, source="configuration", section="loss.")

    def arrays(self, cache: Cache, rows: npt.NDArray[np.int64]) -> Arrays:
        labels = cache.frame["label"].to_numpy(np.int64)[rows] - 1
        return {"flow": np.asarray(cache.arrays["flow"][np.asarray(rows)]), "label": labels}

    def build_model(self, arrays: Arrays | None) -> nn.Module:  # noqa: ARG002 - nothing is fitted on the data
        arguments = {"image_size": 28, "patch_size": 7, **self.config.model}
        name = arguments.pop("name", "HTNet")
        if name != "HTNet":
            raise TrainingError(f"configuration, section [model]: a micro-expression network is HTNet, got {name!r}")
        try:
            return HTNet(**{**arguments, "num_classes": len(self.labels), "in_channels": 3})
        except (TypeError, ValueError) as error:
            raise TrainingError(f"configuration, section [model]: {error}") from error

    def model_config(self, model: nn.Module) -> dict[str, Any]:
        arguments: dict[str, Any] = dict(model.config)  # type: ignore[arg-type]
        return {
            "name": "HTNet",
            **{key: list(value) if isinstance(value, tuple) else value for key, value in arguments.items()},
        }

    def augmenter(self, arrays: Arrays) -> Augment:  # noqa: ARG002 - depends on no other sample
        def augment(sample: Mapping[str, Any], rng: np.random.Generator) -> Arrays:
            return augment_flow(sample, config=self.config.augmentation, rng=rng)

        return augment

    def forward(self, model: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"emotion_logits": model(batch["flow"])}

    def loss(
        self, batch: Mapping[str, Tensor], outputs: Mapping[str, Tensor], weights: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        each = F.cross_entropy(
            outputs["emotion_logits"],
            batch["label"],
            reduction="none",
            label_smoothing=self.loss_config.label_smoothing,
        )
        loss = each.mean() if weights is None else (each * weights).mean()
        return loss, {}

    def collect(self, outputs: Mapping[str, Tensor]) -> Outputs:
        return {"emotion_logits": outputs["emotion_logits"].float().cpu().numpy()}

    def judge(self, frame: pd.DataFrame, outputs: Outputs) -> dict[str, float]:
        """UF1 (unweighted mean F1) and UAR (unweighted mean recall) over the pooled predictions."""
        truth = frame["label"].to_numpy() - 1
        matrix = confusion_matrix(truth, outputs["emotion_logits"].argmax(1), classes=len(self.labels))
        uf1, uar = macro_f1(matrix), float(np.nanmean(per_class_recall(matrix)))
        return {"uf1": uf1, "uar": uar, "score": uf1}

    def calibrate(self, frame: pd.DataFrame, outputs: Outputs) -> dict[str, Any]:
        truth, logits = frame["label"].to_numpy() - 1, outputs["emotion_logits"]

        def loss(log_temperature: float) -> float:
            picked = softmax(logits / np.exp(log_temperature))[np.arange(len(truth)), truth]
            return float(-np.log(np.clip(picked, 1e-9, 1)).mean())

        found = minimize_scalar(loss, bounds=(np.log(0.2), np.log(5.0)), method="bounded")
        return {"temperature": float(np.exp(found.x))}
