"""What any micro-expression checkpoint answers for flow images: one HTNet, or an ensemble."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from model_training.configuration import build
from model_training.errors import TrainingError
from model_training.metrics.temperature import tempered
from model_training.microexpression.folded.inputs import mirror, tile_boxes
from model_training.microexpression.folded.reference import as_tensor
from model_training.microexpression.folded.training import TrainingConfig, predict
from model_training.microexpression.published_flow import FlowImages
from model_training.microexpression.stored_networks import plain_htnet
from model_training.training.checkpoint import FOLDED_ENSEMBLE, Checkpoint

Shares = npt.NDArray[np.float32]
# (N, 3, 28, 28) uint8 -> probabilities (members, N, classes), uncalibrated.
Answers = Callable[[torch.Tensor], Shares]


def answers_of(checkpoint: Checkpoint) -> Answers:
    """Each member on its own, averaged with the mirrored clip where training mirrored. Raises TrainingError where
    weights and configuration do not fit."""
    if checkpoint.network == FOLDED_ENSEMBLE:
        config, weights = build(TrainingConfig, checkpoint.config, source=str(checkpoint.path)), checkpoint.state_dict

        def folded(images: torch.Tensor) -> Shares:
            shares: Shares = predict(config, dict(weights), images).numpy()
            return shares

        return folded
    network, boxes = plain_htnet(checkpoint), checkpoint.config.get("input") == "published_boxes"
    mirrored = checkpoint.config.get("flip", True)

    @torch.inference_mode()
    def alone(images: torch.Tensor) -> Shares:
        views = [images, mirror(images)] if mirrored else [images]
        shares = [network(tile_boxes(view) if boxes else view).softmax(-1) for view in views]
        mean: Shares = torch.stack(shares).mean(0, keepdim=True).numpy()
        return mean

    return alone


def answers_for(checkpoint: Checkpoint, clips: FlowImages) -> Shares:
    """Raises TrainingError where the clips have other classes than the checkpoint, and as `answers_of`."""
    if clips.class_names != checkpoint.labels:
        raise TrainingError(
            f"{checkpoint.path}: answers {', '.join(checkpoint.labels)}; the clips are of "
            f"{', '.join(clips.class_names)}"
        )
    return answers_of(checkpoint)(as_tensor(clips.images))


def calibrated(each: Shares, temperature: float) -> npt.NDArray[np.float64]:
    """(members, N, classes) -> (N, classes): what is answered."""
    return np.asarray(tempered(each.mean(0), temperature), np.float64)


def temperature_of(checkpoint: Checkpoint) -> float:
    """Raises TrainingError where the checkpoint is for another task, or was never calibrated."""
    if checkpoint.task != "microexpression":
        raise TrainingError(
            f"{checkpoint.path}: a checkpoint for {checkpoint.task!r}; this command needs one for micro-expressions"
        )
    if "temperature" not in checkpoint.calibration:
        raise TrainingError(
            f"{checkpoint.path}: has no temperature in its calibration; training writes one when it ends, and "
            "`htnet microexpression calibrate` fits one"
        )
    return float(checkpoint.calibration["temperature"])
