"""What is measured: the shipped palsy architecture with fixed random weights, as bundle and as torch network, and a
photograph.

Weights do not change what a request costs, and random ones make the naive peer run exactly the same network.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from export.bundle.content import BundleContent
from export.bundle.metadata import Metadata
from export.bundle.writing import write_bundle
from export.graphs.networks import PalsyGraph
from face.palsy.input import PalsyInputSpec
from model_training.networks.build import build_network
from model_training.networks.htnet_enhanced import HTNetEnhanced
from model_training.training.config import load_config
from tests import factories

CONFIGURATION = Path(__file__).parents[2] / "configs" / "palsy_closeups.toml"
CALIBRATION = {"grade_temperature": 1.0, "side_temperature": 1.0, "conformal_threshold": 0.9, "coverage": 0.9}


def photograph(width: int = 1280, height: int = 960) -> bytes:
    """A JPEG of the issue's size with one face."""
    square = cv2.resize(np.asarray(factories.astronaut()), (height, height), interpolation=cv2.INTER_CUBIC)
    canvas = np.full((height, width, 3), 90, np.uint8)
    left = (width - height) // 2
    canvas[:, left : left + height] = square
    return factories.jpeg(canvas, quality=90)


def landmark_crop() -> np.ndarray:
    """(256, 256, 3) float32 in 0..1, what the landmark network reads: a face that fills the square."""
    face = np.asarray(factories.astronaut())[:256, 90:346]
    return np.ascontiguousarray(face, np.float32) / 255


def network(**overrides: Any) -> HTNetEnhanced:
    """The architecture of configs/palsy_closeups.toml, deterministic weights; overrides e.g. size="small"."""
    arguments = {**load_config(CONFIGURATION).model, "num_classes": 6, **overrides}
    torch.manual_seed(0)
    model = build_network(arguments)
    assert isinstance(model, HTNetEnhanced)
    if model.geometry_branch is not None:
        model.fit_geometry(torch.randn(400, 478, 3))
    return model.eval()


def bundle(model: HTNetEnhanced, directory: Path) -> Path:
    """A bundle of the network with its variants, float16 where there is a GPU, below `directory`/palsy."""
    spec = PalsyInputSpec()
    content = BundleContent(
        task="palsy",
        metadata=Metadata(
            name="bench",
            version="0.0.0",
            description="Random weights for timing.",
            training_data="none, random weights",
        ),
        labels={"grades": ["I", "II", "III", "IV", "V", "VI"]},
        calibration=CALIBRATION,
        preprocessing={"spec": spec.to_dict(), "fingerprint": spec.fingerprint()},
        metrics={"note": "random weights"},
        thresholds={},
    )
    write_bundle(
        PalsyGraph(model),
        content,
        directory / "palsy",
        float16=torch.cuda.is_available(),
        default_variant="int8",
    )
    return directory / "palsy"
