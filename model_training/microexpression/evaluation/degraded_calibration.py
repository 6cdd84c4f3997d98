"""A temperature for real clips without a label of one: fitted on simulated images made as hard as the real ones look.

A network that is sure of clean simulated faces is as sure of real ones, and wrong more often. Simulated images of
people it has not seen are therefore mixed with the motion of others and with noise until the ensemble is, on average,
exactly as unsure of them as it is of the real images; their classes are known, so the temperature can be fitted there.
Of the real images only that one number is used, the mean of the largest probability.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from model_training.configuration import build
from model_training.errors import TrainingError
from model_training.metrics.reliability import expected_calibration_error
from model_training.metrics.temperature import temperature_of_probabilities, tempered
from model_training.microexpression.folded.reference import SimulatedSet, as_tensor
from model_training.microexpression.folded.training import TrainingConfig, predict

NOISE_CELLS = 7


def degraded_images(images: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """(N, 28, 28, 3) uint8 with `share` of another image and as much smooth noise mixed in, each channel min-max scaled
    again."""
    values = images.astype(np.float32)
    values = (values - values.mean((1, 2), keepdims=True)) / (values.std((1, 2), keepdims=True) + 1e-6)
    cells = rng.standard_normal((len(values), NOISE_CELLS, NOISE_CELLS, 3), dtype=np.float32)
    noise = np.stack([cv2.resize(grid, images.shape[1:3], interpolation=cv2.INTER_CUBIC) for grid in cells])
    mixed = (1 - share) * values + share * (values[rng.permutation(len(values))] + noise)
    low, high = mixed.min((1, 2), keepdims=True), mixed.max((1, 2), keepdims=True)
    return np.rint((mixed - low) / np.maximum(high - low, 1e-6) * 255).astype(np.uint8)


def calibrate_by_confidence(
    checkpoint: dict[str, Any], simulated: SimulatedSet, unlabelled: np.ndarray, *, seed: int = 0, steps: int = 8
) -> dict[str, Any]:
    """The checkpoint with a temperature for images like `unlabelled` (N, 28, 28, 3) uint8.

    simulated: people that the networks have not seen. TrainingError where the real images look no harder than these.
    """
    config = build(TrainingConfig, checkpoint["config"], source="the checkpoint")

    def ensemble(images: np.ndarray) -> np.ndarray:
        return predict(config, checkpoint["state_dict"], as_tensor(images)).numpy().mean(0)

    def degraded(share: float) -> np.ndarray:
        return ensemble(degraded_images(simulated.images, share, np.random.default_rng(seed)))

    wanted = float(ensemble(unlabelled).max(1).mean())
    low, high = 0.0, 0.5
    if not degraded(high).max(1).mean() < wanted < degraded(low).max(1).mean():
        raise TrainingError(
            f"the networks are {wanted:.2f} sure of the unlabelled images: no degree of mixing "
            "makes the simulated ones so. Are these people whom they were trained on, or is the data something else?"
        )
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (middle, high) if degraded(middle).max(1).mean() > wanted else (low, middle)
    share = (low + high) / 2
    probabilities = degraded(share)
    temperature = temperature_of_probabilities(probabilities, simulated.labels)
    calibration = {
        **checkpoint["calibration"],
        "temperature_of_clean_simulation": checkpoint["calibration"]["temperature"],
        "temperature": temperature,
        "mixed_share": share,
        "mean_confidence": wanted,
        "accuracy_on_degraded": float((probabilities.argmax(1) == simulated.labels).mean()),
        "ece_on_degraded": expected_calibration_error(tempered(probabilities, temperature), simulated.labels),
    }
    return {**checkpoint, "calibration": calibration}
