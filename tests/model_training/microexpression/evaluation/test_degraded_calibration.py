"""The label-free temperature: what it matches, and when it refuses."""

import numpy as np
import pytest
import torch

from model_training.errors import TrainingError
from model_training.microexpression.evaluation.degraded_calibration import calibrate_by_confidence, degraded_images
from model_training.microexpression.folded.network import FoldedConfig
from model_training.microexpression.folded.reference import SimulatedSet, as_tensor
from model_training.microexpression.folded.training import TrainingConfig, train_folded

CONFIG = TrainingConfig(
    model=FoldedConfig(dim=4, block_repeats=(1, 1, 1), dropout=0.0),
    epochs=25,
    batch_size=16,
    learning_rate=5e-3,
    label_smoothing=0.1,
)


@pytest.fixture(scope="module")
def simulated():
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(3), 40)
    images = rng.integers(80, 150, (len(labels), 28, 28, 3)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 + 8 * label : 10 + 8 * label, 8:20] = 250
    return SimulatedSet(images, labels, np.arange(len(labels)))


@pytest.fixture(scope="module")
def checkpoint(simulated):
    weights = train_folded(
        CONFIG, as_tensor(simulated.images), torch.from_numpy(simulated.labels), torch.ones(2, 120), seed=0
    )
    return {"config": CONFIG.to_dict(), "state_dict": weights, "calibration": {"temperature": 1.0}}


def test_harder_looking_images_give_a_higher_temperature(checkpoint, simulated):
    temperatures = []
    for share in (0.36, 0.46):
        unlabelled = degraded_images(simulated.images, share, np.random.default_rng(7))
        made = calibrate_by_confidence(checkpoint, simulated, unlabelled)["calibration"]
        assert made["mixed_share"] == pytest.approx(share, abs=0.08)
        assert made["temperature_of_clean_simulation"] == 1.0
        temperatures.append(made["temperature"])
    assert temperatures[1] > temperatures[0]


def test_images_that_look_no_harder_are_refused(checkpoint, simulated):
    with pytest.raises(TrainingError, match="sure of the unlabelled images"):
        calibrate_by_confidence(checkpoint, simulated, degraded_images(simulated.images, 0.0, np.random.default_rng(3)))
