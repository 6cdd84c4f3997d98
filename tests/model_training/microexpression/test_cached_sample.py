"""The cached sample of a clip: its flow image, or a published one as it is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from skimage import data

from model_training.data.cache import open_cache
from model_training.data.cache_build import build_cache
from model_training.microexpression.cached_sample import FlowProducer
from tests.model_training.data.tables import table


def png(values: np.ndarray) -> bytes:
    return cv2.imencode(".png", values)[1].tobytes()


def test_onset_and_apex_become_a_flow_image_and_published_ones_are_read_as_they_are(tmp_path: Path) -> None:
    onset = data.astronaut()
    size = onset.shape[0]
    smile = np.zeros((size, size, 2), np.float32)
    rows_, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    for x, direction in ((205, -1), (245, 1)):  # mouth corners move outwards and up
        weight = 2.5 * np.exp(-((columns - x) ** 2 + (rows_ - 158) ** 2) / (2 * 12**2))
        smile += np.stack([direction * weight, -weight], axis=-1)
    apex = cv2.remap(onset, columns - smile[..., 0], rows_ - smile[..., 1], cv2.INTER_LINEAR)
    published = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    contents = {
        "apex.png": png(apex[..., ::-1]),
        "u_v_os .png": png(published[..., ::-1]),
        "big.png": png(np.zeros((30, 28, 3), np.uint8)),
        "onset.png": png(onset[..., ::-1]),
    }
    rows = table(tmp_path / "in", contents)
    rows.frame["onset_path"] = ["onset.png", "", "", "onset.png"]
    report = build_cache(rows, tmp_path / "out", producer=FlowProducer(), jobs=1)
    assert report.not_found == {"wrong-size": 1, "no-motion": 1}
    made = open_cache(tmp_path / "out", kind="microexpression")
    np.testing.assert_array_equal(made.arrays["flow"][1], published.transpose(2, 0, 1))
    assert made.arrays["flow"][0].max() == 255
