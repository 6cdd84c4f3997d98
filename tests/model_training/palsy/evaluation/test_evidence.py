"""Evidence and ablation of a palsy checkpoint, on made-up caches and a tiny geometry network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_training.data.sample_table import write_table
from model_training.errors import TrainingError
from model_training.palsy.evaluation import ablation as palsy_ablation
from model_training.palsy.evaluation.evidence import FIGURES_LINE, write_evidence
from tests.model_training.caches import write_cache

CONFIG = """
task = "palsy"
[data]
cache = "{cache}"
class_balance = "none"
[model]
size = "tiny"
patch_size = 14
use_images = false
use_geometry = true
geometry_components = 4
geometry_symmetric_components = 4
[loss]
roi = 0.0
[augmentation]
natural_asymmetry = 1.0
[optimisation]
epochs = 1
batch_size = 8
[run]
out = "unused"
tensorboard = false
"""


@pytest.fixture
def caches(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Training people, test people with true maps, and warped photographs of others."""
    train, test, photographs = (
        write_cache(tmp_path / name, seed=seed) for seed, name in enumerate(("train", "test", "photographs"))
    )
    maps = np.random.default_rng(0).uniform(0.01, 0.2, (48, 32, 32)).astype(np.float16)
    np.save(test / "asymmetry_map.npy", maps)
    for folder in (test, photographs):
        frame = pd.read_parquet(folder / "samples.parquet")
        frame["severity"] = frame["label"] - 1.0
        # Every grade in every pose.
        frame["pose"] = np.where(np.arange(len(frame)) // 6 % 2, "closed_smile", "rest")
        write_table(frame, folder / "samples.parquet")
    return train, test, photographs


def test_ablation_and_evidence_come_as_files(
    caches: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test, photographs = caches
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(cache=train))
    monkeypatch.setattr(palsy_ablation, "VARIANTS", {"whole": (), "without": ("augmentation.natural_asymmetry=0.0",)})
    said: list[str] = []
    out = tmp_path / "ablation"
    table = palsy_ablation.run_ablation(config, seeds=2, test=test, photographs=photographs, out=out, say=said.append)
    rows = pd.read_csv(out / "ablation.csv")
    assert sorted(zip(rows["variant"], rows["seed"], strict=True)) == [
        ("whole", 1), ("whole", 2), ("without", 1), ("without", 2)
    ]  # fmt: skip
    assert table.read_text().count("±") == 2 * (len(rows.columns) - 2)
    checkpoint = out / "whole-1" / "best.pt"
    written = checkpoint.stat().st_mtime_ns
    palsy_ablation.run_ablation(config, seeds=2, test=test, photographs=photographs, out=out, say=said.append)
    assert checkpoint.stat().st_mtime_ns == written, "a finished run is kept"

    for name in ("test", "photographs"):
        given = {"test": test, "photographs": photographs, name: train}
        with pytest.raises(TrainingError, match=f"holds runs made with another {name}; choose another --out"):
            palsy_ablation.run_ablation(config, seeds=2, test=given["test"], photographs=given["photographs"], out=out)
    other = tmp_path / "other.toml"
    other.write_text(CONFIG.format(cache=train).replace("epochs = 1", "epochs = 2"))
    with pytest.raises(TrainingError, match=r"holds runs made with another optimisation\.epochs; choose another"):
        palsy_ablation.run_ablation(other, seeds=2, test=test, photographs=photographs, out=out)

    draft = tmp_path / "card.md"
    draft.write_text("# model\n")
    with pytest.raises(TrainingError, match="figures"):
        write_evidence(checkpoint, test=test, photographs={}, out=tmp_path / "evidence", card=draft)
    draft.write_text(f"# model\n\n{FIGURES_LINE}\n")
    evidence = write_evidence(
        checkpoint, test=test, photographs={"warped": photographs}, out=tmp_path / "evidence", card=draft, repeats=5
    )
    metrics = json.loads((evidence / "metrics.json").read_text())
    assert metrics["simulated_kappa"] == round(metrics["simulated_test"]["all"]["figures"]["kappa"], 3)
    assert metrics["warped"]["pooled"]["people"] == 8
    assert 0 <= metrics["asymmetry_map"]["all"]["pointing_game"] <= 1
    assert -1 <= metrics["asymmetry_map"]["all"]["mean_of_pose_pearson"] <= 1
    card = (evidence / "MODEL_CARD.md").read_text()
    assert FIGURES_LINE not in card
    assert "| warped: mean absolute error in grades: of the expected grade; of the grade answered | <= 0.5; - |" in card
    assert all((evidence / f"{name}.png").stat().st_size > 1000 for name in ("confusion", "reliability", "curves"))
