"""From a published layout through prepare and cache to LOSO's reader and to `train`."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from model_training.cli import build_app
from model_training.configuration import build
from model_training.microexpression.published_flow import load_flow
from model_training.tasks import make_task
from model_training.training.checkpoint import load_checkpoint
from model_training.training.config import TrainConfig
from model_training.training.train import train


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """24 clips of 8 subjects whose class shows in the first channel."""
    folder = tmp_path / "published"
    (folder / "STSNet_whole_norm_u_v_os").mkdir(parents=True)
    rng = np.random.default_rng(0)
    lines = ["dataset,sub,filename_o,label,apex,imagename,sub_filename"]
    for number in range(24):
        subject, label = f"sub{number // 3 + 1:02d}", number % 3
        rgb = rng.integers(0, 256, (28, 28, 3), dtype=np.uint8)
        rgb[..., 0] = 100 * label
        cv2.imwrite(str(folder / "STSNet_whole_norm_u_v_os" / f"{subject}_EP{number} .png"), rgb[..., ::-1])
        lines.append(f"{'casme2' if number < 12 else 'smic'},{subject},EP{number},{label},,x,")
    (folder / "combined_3_class2_for_optical_flow.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def run(*arguments: object) -> None:
    app: typer.Typer = build_app()
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output


def test_published_images_arrive_unchanged_and_train(published: Path, tmp_path: Path) -> None:
    run("prepare", "published-flow", "--root", published, "--out", tmp_path / "table", "--validation", 0.25)
    run("cache", tmp_path / "table", "--kind", "microexpression", "--out", tmp_path / "cache", "--jobs", 1)
    direct, prepared = load_flow(published), load_flow(tmp_path / "cache")
    np.testing.assert_array_equal(prepared.images, direct.images)
    np.testing.assert_array_equal(prepared.labels, direct.labels)
    assert prepared.class_names == direct.class_names
    assert list(prepared.datasets) == list(direct.datasets)
    assert [person.removeprefix("flow/") for person in prepared.subjects] == list(direct.subjects)
    values = {
        "task": "microexpression",
        "data": {"cache": str(tmp_path / "cache"), "labels": ["negative", "positive", "surprise"]},
        "model": {"dim": 8, "heads": 1, "block_repeats": [1, 1, 1]},
        "optimisation": {"epochs": 12, "batch_size": 6, "learning_rate": 1e-2, "ema_decay": 0.5},
        "run": {"out": str(tmp_path / "run"), "tensorboard": False, "threads": 1},
    }
    result = train(make_task(build(TrainConfig, values, source="test")), say=lambda _text: None)
    assert result.figures["uf1"] > 0.6
    saved = load_checkpoint(result.best)
    assert saved.labels == ("negative", "positive", "surprise")
    assert saved.calibration["temperature"] > 0
