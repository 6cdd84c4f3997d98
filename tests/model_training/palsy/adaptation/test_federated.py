"""Sites that learn together: what is given away, and what comes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from htnet.commands import app
from model_training.errors import TrainingError
from model_training.palsy.adaptation.federated import average_updates, read_update, site_update
from model_training.palsy.adaptation.heads import HEADS, AdaptableModel, HeadFit, fit_heads, look_at
from model_training.palsy.adaptation.sites_study import study_sites
from model_training.palsy.evaluation.evaluate import select
from model_training.training.checkpoint import load_checkpoint, load_payload
from tests.model_training.palsy.adaptation.clinics import LEARNS, clinic, shipped, strict

__all__ = ["shipped"]
SHORT = HeadFit(epochs=2)


def test_a_round_is_the_mean_change_weighed_by_images(shipped: Path, tmp_path: Path) -> None:
    caches = [clinic(tmp_path / "a", seed=31, people=6), clinic(tmp_path / "b", seed=32, people=12)]
    files = [tmp_path / "a.pt", tmp_path / "b.pt"]
    for cache, file in zip(caches, files, strict=True):
        site_update(shipped, cache, file, fit=SHORT)
    average_updates(shipped, files, tmp_path / "next.pt")
    model, after = AdaptableModel(shipped), load_checkpoint(tmp_path / "next.pt")
    fitted = []
    for cache in caches:
        selected = select(shipped, cache, split="all")
        fitted.append(fit_heads(model, look_at(model, selected.cache, selected.rows), SHORT, seed=0))
    for name, value in model.checkpoint.state_dict.items():
        if name.startswith(HEADS):
            torch.testing.assert_close(after.state_dict[name], fitted[0][name] / 3 + 2 * fitted[1][name] / 3)
        else:
            assert torch.equal(after.state_dict[name], value)
    assert after.training_data["federated"] == [[{"images": 30, "people": 6}, {"images": 60, "people": 12}]]


def test_a_site_gives_away_changes_of_weights_and_two_counts(shipped: Path, tmp_path: Path) -> None:
    site_update(shipped, clinic(tmp_path / "a", seed=31, people=6), tmp_path / "a.pt", fit=SHORT)
    payload = load_payload(tmp_path / "a.pt")
    assert payload.keys() == {"format", "kind", "start", "images", "people", "heads"}
    assert payload["heads"].keys() == AdaptableModel(shipped).heads.keys()
    assert b"c31-p00" not in (tmp_path / "a.pt").read_bytes()


def test_changes_that_do_not_belong_together_are_refused(shipped: Path, tmp_path: Path) -> None:
    cache = clinic(tmp_path / "a", seed=31, people=6)
    site_update(shipped, cache, tmp_path / "a.pt", fit=SHORT)
    average_updates(shipped, [tmp_path / "a.pt"], tmp_path / "next.pt")
    with pytest.raises(TrainingError, match=r"next\.pt: change 1 began from other heads"):
        average_updates(tmp_path / "next.pt", [tmp_path / "a.pt"], tmp_path / "after.pt")
    with pytest.raises(TrainingError, match="give each site's change once"):
        average_updates(shipped, [tmp_path / "a.pt", tmp_path / "a.pt"], tmp_path / "after.pt")
    with pytest.raises(TrainingError, match="not a change of heads of this version"):
        read_update(shipped)
    payload = load_payload(tmp_path / "a.pt")
    payload["heads"] = {name: value * float("nan") for name, value in payload["heads"].items()}
    torch.save(payload, tmp_path / "nan.pt")
    with pytest.raises(TrainingError, match="numbers that are not finite"):
        read_update(tmp_path / "nan.pt")


def test_the_study_compares_sites_alone_and_together_on_new_people(shipped: Path, tmp_path: Path) -> None:
    caches = {name: clinic(tmp_path / name, seed=seed, graders=strict) for name, seed in (("a", 41), ("b", 42))}
    test = clinic(tmp_path / "test", seed=43, graders=strict)
    report = study_sites(shipped, caches, {"t": test}, tmp_path / "out", rounds=3, fit=LEARNS)
    assert json.loads((tmp_path / "out/sites.json").read_text()) == report
    assert list(report["figures"]) == ["as it is", "a alone", "b alone", "federated", "pooled"]
    verdicts = {(one["name"], one["than"]): one for one in report["verdicts"]}
    assert verdicts["federated", "as it is"]["helped"]
    assert ("federated", "a alone") in verdicts
    arguments = ["palsy", "study-sites", "--checkpoint", str(shipped), "--out", str(tmp_path / "told"), "--rounds", "1"]
    arguments += [word for name, cache in caches.items() for word in ("--site", f"{name}={cache}")]
    told = CliRunner().invoke(app, [*arguments, "--test", f"t={test}"])
    assert told.exit_code == 0, told.output
    assert "federated: score " in told.output
    with pytest.raises(TrainingError, match=r"a and t share 24 people \('c41-p00', \.\.\.\)"):
        study_sites(shipped, caches, {"t": caches["a"]}, tmp_path / "out")
    with pytest.raises(TrainingError, match="at least two sites, got a"):
        study_sites(shipped, {"a": caches["a"]}, {"t": test}, tmp_path / "out")
