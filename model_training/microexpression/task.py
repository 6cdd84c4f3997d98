"""Micro-expression classification from flow images as a training task: the same loop, HTNet and cross-entropy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch.nn.functional as F
from torch import Tensor, nn

from face.probability import softmax
from face.vocabulary import EMOTIONS
from model_training.configuration import Configuration, build
from model_training.data.cache import Cache
from model_training.errors import TrainingError
from model_training.metrics.classification import confusion_matrix, macro_f1, macro_recall
from model_training.metrics.temperature import fit_temperature, negative_log_likelihood
from model_training.microexpression.augmentation import augment_flow
from model_training.networks.build import arguments_of, checked_arguments, section_of
from model_training.networks.htnet import HTNet
from model_training.runtime.arrays import Arrays
from model_training.training.config import AugmentationConfig, TrainConfig
from model_training.training.task import Augment, Outputs

# u, v and strain.
CHANNELS = 3
_MODEL = section_of(HTNet)


class FlowLossConfig(Configuration):
    label_smoothing: float = 0.0


class MicroExpressionTask:
    """See training.task.Task. A batch holds flow (N, 3, 28, 28) uint8, channels u, v, strain, and label (N,) from 0;
    the output is emotion_logits (N, classes). The labels are the vocabulary's emotions unless the configuration names
    others.

    Raises TrainingError for a loss, a network or an augmentation that it does not know.
    """

    kind = "microexpression"

    def __init__(self, config: TrainConfig) -> None:
        if "labels" not in config.data.model_fields_set:
            config = config.changed(data=config.data.changed(labels=EMOTIONS))
        self.config = config
        self.labels = config.data.labels
        self.loss_config = build(FlowLossConfig, config.loss, source="configuration", section="loss.")
        self.network = self._network()
        _refuse_what_only_photographs_have(config.augmentation)

    def _network(self) -> dict[str, Any]:
        """HTNet's arguments. Raises TrainingError naming the key of [model] at fault."""
        model = dict(self.config.model)
        name = model.pop("name", "HTNet")
        if name != "HTNet":
            raise TrainingError(f"configuration, section [model]: a micro-expression network is HTNet, got {name!r}")
        given = checked_arguments(_MODEL, model, source="configuration")
        classes = len(self.labels)
        if given.get("num_classes", classes) != classes:
            raise TrainingError(
                f"configuration: model.num_classes is {given['num_classes']}, but data.labels names {classes} labels, "
                f"{', '.join(self.labels)}. Leave model.num_classes out, or name the labels"
            )
        if given.get("in_channels", CHANNELS) != CHANNELS:
            raise TrainingError(
                f"configuration: model.in_channels is {given['in_channels']}, but a flow image has {CHANNELS} "
                "channels: u, v and strain. Leave model.in_channels out"
            )
        return {"image_size": 28, "patch_size": 7, **given, "num_classes": classes, "in_channels": CHANNELS}

    def arrays(self, cache: Cache, rows: npt.NDArray[np.int64]) -> Arrays:
        labels = cache.frame["label"].to_numpy(np.int64)[rows] - 1
        return {"flow": np.asarray(cache.arrays["flow"][np.asarray(rows)]), "label": labels}

    def build_model(self, arrays: Arrays | None) -> nn.Module:  # noqa: ARG002 - nothing is fitted on the data
        try:
            return HTNet(**self.network)
        except ValueError as error:
            raise TrainingError(f"configuration: section [model]: {error}") from error

    def model_config(self, model: nn.Module) -> dict[str, Any]:
        return {"name": "HTNet", **arguments_of(model)}

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
        predicted = outputs["emotion_logits"].argmax(1)
        matrix = confusion_matrix(truth=truth, predicted=predicted, classes=len(self.labels))
        uf1, uar = macro_f1(matrix), macro_recall(matrix, predicted_only_counts=False)
        return {"uf1": uf1, "uar": uar, "score": uf1}

    def calibrate(self, frame: pd.DataFrame, outputs: Outputs) -> dict[str, Any]:
        """{"temperature"}: what divides the logits before the softmax."""
        truth = frame["label"].to_numpy() - 1
        logits = np.asarray(outputs["emotion_logits"], np.float64)
        return {"temperature": fit_temperature(lambda t: negative_log_likelihood(softmax(logits / t), truth))}


def _refuse_what_only_photographs_have(augmentation: AugmentationConfig) -> None:
    unused = sorted(augmentation.model_fields_set - {"flip"})
    if unused:
        names = ", ".join(f"augmentation.{name}" for name in unused)
        raise TrainingError(
            f"configuration: no effect on flow images: {names}. Training only mirrors them (augmentation.flip); leave "
            "the rest out"
        )
