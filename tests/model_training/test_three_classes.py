"""A data set with its own three classes: trained, exported and served under their names."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from fastapi.testclient import TestClient
from skimage import data

from export.checkpoint_bundle import export_checkpoint
from model_training.grader import Grader
from model_training.train import train
from service.app import create_app
from service.config import Settings
from tests.model_training.caches import write_cache
from tests.model_training.test_train import config, quiet

CLASSES = ["normal", "mild", "severe"]


def test_three_classes_are_served_under_their_names(tmp_path: Path) -> None:
    cache = write_cache(tmp_path / "cache", classes=3)
    result = train(config(cache, tmp_path / "run", data={"labels": CLASSES}, optimisation={"epochs": 1}), say=quiet)
    export_checkpoint([result.best], tmp_path / "models/palsy", int8=False)
    photo = cv2.imencode(".png", data.astronaut()[..., ::-1])[1].tobytes()
    with Grader(result.best) as grader:
        predicted = grader.grade(photo).reading
    with TestClient(create_app(Settings(models_dir=tmp_path / "models"))) as client:
        answer = client.post("/v1/palsy/grade", files={"image": ("photo", photo)}, params={"heatmap": "false"})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert list(body["probabilities"]) == CLASSES
    assert list(body["probabilities"].values()) == pytest.approx(predicted.probabilities.tolist(), abs=2e-3)
    assert body["grade"]["index"] == predicted.index + 1
    assert set(body["grade"]["prediction_set"]) <= set(CLASSES)
    assert body["grade"]["house_brackmann"] is None
