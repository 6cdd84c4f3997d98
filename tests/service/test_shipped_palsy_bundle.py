"""The shipped palsy bundle behind the real app: what a first user sees."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from service.app import create_app
from service.config import Settings
from service.inference.bundle import load_bundle
from service.inference.manifest import Variant
from service.inference.session import open_session, zeros

BUNDLE = Path(__file__).resolve().parents[2] / "models" / "palsy"

pytestmark = pytest.mark.skipif(not (BUNDLE / "manifest.json").exists(), reason="this checkout ships no palsy bundle")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(Settings(models_dir=BUNDLE, audit_url="", running_max=1))) as running:
        yield running


def grade(client: TestClient, rgb: np.ndarray) -> dict[str, Any]:
    # PNG: the mirrored photograph must be the exact mirror image.
    data = cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()
    response = client.post("/v1/palsy/grade", files={"image": data})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_a_healthy_photograph_is_graded_as_one(client: TestClient, astronaut_rgb: np.ndarray) -> None:
    answer = grade(client, astronaut_rgb)
    assert answer["grade"]["house_brackmann"] in ("I", "II")
    assert answer["affected_side"]["side"] == "none"


def test_the_heatmap_lies_on_the_face(client: TestClient, astronaut_rgb: np.ndarray) -> None:
    answer = grade(client, astronaut_rgb)
    heatmap = answer["asymmetry"]["heatmap"]
    with Image.open(io.BytesIO(base64.b64decode(heatmap["data"]))) as image:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
    assert alpha.shape == astronaut_rgb.shape[:2]
    corners = np.array([point for region in answer["regions"] for point in region["polygon"]])
    (left, top), (right, bottom) = corners.min(axis=0) - 4, corners.max(axis=0) + 4
    rows, columns = np.nonzero(alpha)
    assert left <= columns.min()
    assert columns.max() <= right
    assert top <= rows.min()
    assert rows.max() <= bottom


def test_the_mirrored_photograph_gets_the_same_grade(client: TestClient, astronaut_rgb: np.ndarray) -> None:
    plain, mirrored = grade(client, astronaut_rgb), grade(client, np.ascontiguousarray(astronaut_rgb[:, ::-1]))
    # The landmark model itself is not exactly mirror-symmetric.
    assert mirrored["grade"]["expected"] == pytest.approx(plain["grade"]["expected"], abs=0.5)
    assert mirrored["affected_side"]["side"] == plain["affected_side"]["side"] == "none"


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_every_variant_runs(variant: Variant) -> None:
    bundle = load_bundle(BUNDLE)
    if variant not in bundle.manifest.files:
        pytest.skip(f"the bundle has no {variant} graph")
    outputs = open_session(bundle, variant=variant).run(zeros(bundle.manifest.input.tensors, batch=2))
    assert {name: len(array) for name, array in outputs.items()} == dict.fromkeys(outputs, 2)
