"""One command for every kind of checkpoint: each goes to its builder, and nothing that is asked for is ignored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from export.checkpoint_bundle import KINDS, export_checkpoint
from export.checkpoints.microexpression import folded_ensemble
from export.errors import ExportError
from face.microexpression.spec import MicroExpressionSpec
from model_training.microexpression.folded.network import FoldedConfig, init_weights
from model_training.microexpression.folded.training import TrainingConfig
from model_training.training.checkpoint import FOLDED_ENSEMBLE, Checkpoint, load_checkpoint, save_checkpoint
from tests.export.test_export import emotion_checkpoint, palsy_checkpoint


def folded_checkpoint(path: Path, **changes: Any) -> Path:
    config = TrainingConfig(model=FoldedConfig(dim=8, block_repeats=(1, 1, 1)))
    spec = MicroExpressionSpec()
    fields: dict[str, Any] = {
        "task": "microexpression",
        "network": FOLDED_ENSEMBLE,
        "labels": ("negative", "positive", "surprise"),
        "config": config.to_dict(),
        "preprocessing": {"spec": spec.to_dict(), "fingerprint": spec.fingerprint()},
        "state_dict": init_weights(config.model, 2, torch.Generator().manual_seed(0)),
        "calibration": {"temperature": 1.5},
        "training_data": {"kind": "simulation"},
    }
    save_checkpoint(Checkpoint(**{**fields, **changes}), path)
    return path


def refused(checkpoints: list[Path], folder: Path, **options: Any) -> str:
    with pytest.raises(ExportError) as caught:
        export_checkpoint(checkpoints, folder / "bundle", **options)
    assert not (folder / "bundle").exists()
    return str(caught.value)


def test_labels_and_licence_of_an_ensemble_come_from_its_checkpoint(tmp_path: Path) -> None:
    path = folded_checkpoint(tmp_path / "a.pt", labels=("x", "y", "z"), training_data={"kind": "fine-tuned"})
    network, content = folded_ensemble([load_checkpoint(path)])
    assert content.labels == {"emotions": ["x", "y", "z"]}
    assert content.calibration == {"temperature": 1.5}
    assert content.metadata.licence.startswith("research-only")
    assert content.metadata.description.startswith("Ensemble of 2 small HTNets")
    assert content.weights == {"checkpoint.pt": path}
    assert network.outputs == ("emotion_logits",)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"int8": True}, "--int8 does not apply to this folded HTNet ensemble"),
        ({"float16": True}, "--float16 does not apply"),
        ({"default_variant": "int8"}, "--default-variant int8 does not apply"),
    ],
)
def test_a_variant_that_the_ensemble_does_not_have_is_refused(
    tmp_path: Path, options: dict[str, Any], named: str
) -> None:
    assert named in refused([folded_checkpoint(tmp_path / "a.pt")], tmp_path, **options)


def test_what_an_ensemble_has_anyway_may_be_asked_for(tmp_path: Path) -> None:
    """No metrics is then the only thing that is wrong."""
    said = refused([folded_checkpoint(tmp_path / "a.pt")], tmp_path, int8=False, default_variant="float32")
    assert "no metrics" in said
    assert "htnet microexpression metrics" in said


def test_checkpoints_of_two_kinds_make_no_ensemble(tmp_path: Path) -> None:
    single, folded = emotion_checkpoint(tmp_path / "single.pt"), folded_checkpoint(tmp_path / "folded.pt")
    said = refused([single, folded], tmp_path)
    assert f"{folded}: holds folded HTNet ensemble for microexpression, but {single} HTNet" in said


def test_kinds_that_hold_all_they_need_are_given_alone(tmp_path: Path) -> None:
    for path in (folded_checkpoint(tmp_path / "folded.pt"), palsy_checkpoint(tmp_path / "palsy.pt")):
        assert "give one --checkpoint, not 2" in refused([path, path], tmp_path)
    assert "at least one checkpoint" in refused([], tmp_path)


def test_a_network_that_the_service_cannot_run_is_named_with_those_that_it_can(tmp_path: Path) -> None:
    palsy = load_checkpoint(palsy_checkpoint(tmp_path / "a.pt"))
    save_checkpoint(replace(palsy, network="HTNet"), tmp_path / "a.pt")
    said = refused([tmp_path / "a.pt"], tmp_path)
    assert f"{tmp_path / 'a.pt'}: holds HTNet for palsy, which the service cannot run" in said
    assert all(f"{task} ({network})" in said for task, network in KINDS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {"model": {"dim": 8}, "input": "published_boxes"}}, "trained on input 'published_boxes'"),
        ({"config": {"model": {"dim": 8}, "speed": 3}}, "speed"),
        ({"training_data": {"kind": "hearsay"}}, "trained on 'hearsay'; known are simulation, fine-tuned"),
        ({"state_dict": {"head.w": torch.zeros(2, 3)}}, "the weights do not fit the configuration"),
        ({"config": {"model": {"dim": 16, "block_repeats": [1, 1, 1]}}}, "the weights do not fit the configuration"),
        ({"calibration": {}}, "has no calibration (temperature missing)"),
    ],
)
def test_an_ensemble_that_cannot_become_a_bundle_is_explained(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    assert message in refused([folded_checkpoint(tmp_path / "a.pt", **changes)], tmp_path)


def test_single_networks_of_another_configuration_are_explained(tmp_path: Path) -> None:
    model = load_checkpoint(emotion_checkpoint(tmp_path / "a.pt")).config["model"]
    strange = emotion_checkpoint(tmp_path / "b.pt", config={"model": {**model, "colour": "red"}})
    assert "config.model" in refused([strange], tmp_path)
    assert "colour" in refused([strange], tmp_path)
