"""The mirrored clip's flow image."""

from __future__ import annotations

import numpy as np

from model_training.microexpression.augmentation import augment_flow
from model_training.training.config import AugmentationConfig


def test_the_flip_of_a_flow_image_turns_the_horizontal_motion() -> None:
    flow = np.random.default_rng(4).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    seen = [augment_flow({"flow": flow}, config=AugmentationConfig(), rng=np.random.default_rng(s)) for s in range(20)]
    turned = [item["flow"] for item in seen if not np.array_equal(item["flow"], flow)]
    assert 5 <= len(turned) <= 15
    np.testing.assert_array_equal(turned[0][0], 255 - flow[0, :, ::-1])
    np.testing.assert_array_equal(turned[0][1:], flow[1:, :, ::-1])
