"""The cached sample of a photograph is what the service would give its model."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from skimage import data

from face.landmarks.landmarker import FaceLandmarker
from face.palsy.input import PalsyInputSpec, palsy_input
from model_training.data.cache import open_cache
from model_training.data.cache_build import build_cache
from model_training.palsy.cached_sample import PalsyProducer
from tests.model_training.data.tables import table


def jpeg(rgb: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def png(values: np.ndarray) -> bytes:
    return cv2.imencode(".png", values)[1].tobytes()


def test_photographs_go_through_the_services_preprocessing(tmp_path: Path) -> None:
    astronaut = data.astronaut()
    photo = png(cv2.cvtColor(astronaut, cv2.COLOR_RGB2BGR))
    contents = {
        "face.png": photo,
        "no_face.jpg": jpeg(np.full((400, 600, 3), 128, np.uint8)),
        "cut.jpg": jpeg(astronaut)[:200],
        "text.jpg": b"not an image",
        "gone.jpg": b"",
        "empty.jpg": b" ",
        "mapped.png": photo,
    }
    rows = table(tmp_path / "in", contents)
    (tmp_path / "in/map.png").write_bytes(png(np.full((64, 64), 20000, np.uint16)))
    rows.frame["asymmetry_map"] = ["map.png" if name == "mapped.png" else "" for name in contents]
    (tmp_path / "in/seen.png").write_bytes(png(np.full((64, 64), 51, np.uint8)))
    rows.frame["seen_map"] = ["seen.png" if name == "mapped.png" else "" for name in contents]
    report = build_cache(rows, tmp_path / "out", producer=PalsyProducer(), jobs=1)
    assert report.found == 2
    assert report.not_found["no-face"] == 1
    assert report.not_found["missing-file"] == 1
    assert sum(report.not_found.values()) == 5
    made = open_cache(tmp_path / "out", kind="palsy", fingerprint=PalsyInputSpec().fingerprint())
    with FaceLandmarker() as landmarker:
        looks = landmarker.look(astronaut, policy="single", both_ways=True)
    expected = palsy_input(astronaut, looks.face, PalsyInputSpec())
    for name in ("images", "landmarks"):
        np.testing.assert_array_equal(made.arrays[name][0], expected.tensors[name])
    assert np.isnan(made.arrays["asymmetry_map"][0]).all()
    np.testing.assert_allclose(made.arrays["asymmetry_map"][1], 0.2, atol=1e-3)
    assert np.isnan(made.arrays["seen_map"][0]).all()
    np.testing.assert_allclose(made.arrays["seen_map"][1], 0.2, atol=1e-3)
    assert made.arrays["roi_masks"].shape == (2, 5, 32, 32)
