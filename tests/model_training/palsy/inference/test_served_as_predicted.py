"""A model with its own three classes, trained, exported and served: answers, warnings and refusals are `predict`'s."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import pandas as pd
import pytest
import torch
from fastapi.testclient import TestClient
from skimage import data

from export.checkpoint_bundle import export_checkpoint
from model_training.errors import TrainingError
from model_training.palsy.inference.grader import Grader
from model_training.palsy.inference.predict import predict_files
from model_training.tasks import make_task
from model_training.training.train import train
from service.app import create_app
from service.config import Settings
from tests.model_training.caches import write_cache
from tests.model_training.training.tiny_runs import config, quiet

CLASSES = ["normal", "mild", "severe"]
PHOTO = cv2.imencode(".png", data.astronaut()[..., ::-1])[1].tobytes()


@dataclass(frozen=True)
class Trained:
    checkpoint: Path
    models: Path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("three-classes")
    cache = write_cache(folder / "cache", classes=3)
    result = train(
        make_task(config(cache, folder / "run", data={"labels": CLASSES}, optimisation={"epochs": 1})), say=quiet
    )
    export_checkpoint([result.best], folder / "models/palsy", int8=False)
    return Trained(result.best, folder / "models")


def ask(models: Path) -> Any:
    with TestClient(create_app(Settings(models_dir=models))) as client:
        return client.post("/v1/palsy/grade", files={"image": ("photo", PHOTO)}, params={"heatmap": "false"})


def test_three_classes_are_served_under_their_names(trained: Trained) -> None:
    with Grader(trained.checkpoint) as grader:
        predicted = grader.grade(PHOTO)
    answer = ask(trained.models)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert list(body["probabilities"]) == CLASSES
    assert list(body["probabilities"].values()) == pytest.approx(predicted.reading.probabilities.tolist(), abs=2e-3)
    assert body["grade"]["index"] == predicted.reading.index + 1
    assert set(body["grade"]["prediction_set"]) <= set(CLASSES)
    assert body["grade"]["house_brackmann"] is None
    assert body["asymmetry"]["regions"] == pytest.approx(predicted.regional, abs=2e-3)
    # The astronaut is unlike the made-up training faces: at least that is warned of, in the same words.
    assert any("unlike most" in warning for warning in predicted.warnings)
    assert [_words(warning) for warning in body["quality"]["warnings"]] == [_words(w) for w in predicted.warnings]


def _words(warning: str) -> str:
    """Without the figures, whose last digit may differ between two runtimes."""
    return "".join(letter for letter in warning if not letter.isdigit())


@pytest.mark.parametrize(
    ("thresholds", "code"),
    [
        ({"out_of_distribution": {"warn_above": 0.0, "refuse_above": 0.001}}, "out-of-distribution"),
        ({"quality": {"max_yaw_deg": 0.5}}, "face-turned-away"),
        ({"quality": {"min_face_width_px": 900}}, "face-too-small"),
    ],
    ids=["unlike", "turned", "small"],
)
def test_limits_refuse_alike(trained: Trained, tmp_path: Path, thresholds: dict[str, Any], code: str) -> None:
    models = tmp_path / "models"
    shutil.copytree(trained.models, models)
    set_thresholds(models / "palsy", thresholds)
    served = ask(models)
    assert served.json()["code"] == code
    (tmp_path / "photo.png").write_bytes(PHOTO)
    row = predict(tmp_path, trained.checkpoint, bundle=models / "palsy")
    assert row["code"] == code
    assert _words(row["reason"]) == _words(served.json()["detail"])
    # The same limits in the checkpoint itself.
    payload = torch.load(trained.checkpoint, weights_only=True)
    payload["calibration"]["thresholds"] = thresholds
    torch.save(payload, tmp_path / "limited.pt")
    assert predict(tmp_path, tmp_path / "limited.pt")["code"] == code
    assert predict(tmp_path, trained.checkpoint)["code"] == ""


def set_thresholds(bundle: Path, thresholds: dict[str, Any]) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    manifest["thresholds"] = thresholds
    (bundle / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def predict(folder: Path, checkpoint: Path, *, bundle: Path | None = None) -> pd.Series:
    predict_files([folder / "photo.png"], checkpoint, folder / "out", bundle=bundle)
    return pd.read_csv(folder / "out/predictions.csv", keep_default_na=False).iloc[0]


def test_limits_of_something_else_are_refused(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"manifest\.json: not the manifest of a palsy bundle"):
        Grader(trained.checkpoint, bundle=tmp_path)
    payload = torch.load(trained.checkpoint, weights_only=True)
    torch.save(
        {**payload, "calibration": {**payload["calibration"], "grade_temperature": 3.0}}, tmp_path / "another.pt"
    )
    with pytest.raises(TrainingError, match="was exported from another checkpoint"):
        Grader(tmp_path / "another.pt", bundle=trained.models / "palsy")
    for thresholds, message in (
        ({"quality": {"max_jaw_deg": 3}}, "max_jaw_deg"),
        ({"out_of_distribution": {"warn_above": float("nan")}}, "finite"),
    ):
        torch.save(
            {**payload, "calibration": {**payload["calibration"], "thresholds": thresholds}}, tmp_path / "bad.pt"
        )
        with pytest.raises(TrainingError, match=rf"bad\.pt: thresholds: .*{message}"):
            Grader(tmp_path / "bad.pt")
