"""Zero-shot figures of a checkpoint as files, and the bundle's metrics made of them."""

import json

import numpy as np
import pytest
import torch

from model_training.errors import TrainingError
from model_training.microexpression.evaluation.bundle_metrics import metrics_of
from model_training.microexpression.evaluation.report import write_zero_shot
from model_training.microexpression.folded.network import FoldedConfig, init_weights
from model_training.microexpression.folded.reference import zero_shot_report
from model_training.microexpression.folded.training import TrainingConfig
from model_training.microexpression.published_flow import FlowImages
from model_training.microexpression.simulation.flow_statistics import write_statistics


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(0)
    return FlowImages(
        images=rng.integers(0, 256, (60, 28, 28, 3)).astype(np.uint8), labels=np.tile(np.arange(3), 20),
        subjects=np.repeat([f"set/s{number}" for number in range(10)], 6), datasets=np.repeat(["one", "two"], 30),
        clips=np.arange(60).astype(str),
    )  # fmt: skip


@pytest.fixture(scope="module")
def report(clips):
    config = TrainingConfig(model=FoldedConfig(dim=4, block_repeats=(1, 1, 1)), input="standardised")
    weights = init_weights(config.model, 2, torch.Generator().manual_seed(0))
    checkpoint = {"config": config.to_dict(), "state_dict": weights, "calibration": {"temperature": 1.3}}
    return zero_shot_report(checkpoint, clips)


def test_every_set_has_its_confusion_matrix_and_all_clips_are_in_it(report, clips):
    assert set(report["ensemble_confusion"]) == {"full", "one", "two"}
    assert np.sum(report["ensemble_confusion"]["full"]) == len(clips)
    assert sum(row["clips"] for row in report["per_subject"]) == len(clips)
    assert sum(point["clips"] for point in report["reliability"]) == len(clips)
    assert report["calibration"]["temperature"] == 1.3


def test_the_bundles_metrics_start_with_the_main_figures_and_leave_long_tables_out(report, clips, tmp_path):
    with pytest.raises(TrainingError, match=r"zero_shot\.json"):
        metrics_of(tmp_path)
    write_zero_shot(report, tmp_path, clips.class_names)
    (tmp_path / "known_movements.json").write_text('{"rendered": {"right": 3}}', encoding="utf-8")
    metrics = metrics_of(tmp_path)
    assert metrics["zero_shot_uf1"] == pytest.approx(report["ensemble"]["full"]["uf1"], abs=1e-4)
    assert metrics["known_movements"] == {"rendered": {"right": 3}}
    assert "per_subject" not in metrics["zero_shot"]
    assert (tmp_path / "zero_shot.png").stat().st_size > 0


def test_statistics_of_two_sets_side_by_side(clips, tmp_path):
    made = write_statistics({"published": clips.images}, {"made": clips.images[::2]}, tmp_path)
    assert json.loads((tmp_path / "flow_statistics.json").read_text(encoding="utf-8")) == made
    assert made["sets"]["made"]["images"] == 30
    assert set(made["told_apart_auc"]) == {"made"}
