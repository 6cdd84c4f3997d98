"""TensorBoard, MLflow and W&B get a run's figures, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_training.errors import TrainingError
from model_training.tasks import make_task
from model_training.training import trackers
from model_training.training.config import RunConfig
from model_training.training.train import train
from tests.model_training.caches import write_cache
from tests.model_training.training.tiny_runs import config, quiet


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cache(tmp_path_factory.mktemp("cache"), people=6)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # MLflow's, about its own folders
def test_mlflow_gets_one_run_with_every_figure_also_of_what_was_resumed(cache: Path, tmp_path: Path) -> None:
    tracking = pytest.importorskip("mlflow.tracking")
    store, out = tmp_path / "store", tmp_path / "run"
    for epochs in (1, 2):
        settings = config(cache, out, optimisation={"epochs": epochs}, run={"mlflow": str(store)})
        train(make_task(settings), resume=epochs > 1, say=quiet)
    client = tracking.MlflowClient(tracking_uri=store.as_uri())
    runs = client.search_runs([client.get_experiment_by_name("htnet").experiment_id])
    assert len(runs) == 1
    run = runs[0]
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "run"
    assert run.data.params["optimisation.batch_size"] == "4"
    steps = [json.loads(line) for line in (out / "steps.jsonl").read_text().splitlines()]
    history = {metric.step: metric.value for metric in client.get_metric_history(run.info.run_id, "step/loss")}
    assert [history[number] for number in range(1, len(steps) + 1)] == pytest.approx([line["loss"] for line in steps])
    assert len(client.get_metric_history(run.info.run_id, "epoch/kappa")) == 2


def test_wandb_keeps_a_run_offline_without_code_host_or_console(cache: Path, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    out = tmp_path / "run"
    settings = config(cache, out, optimisation={"epochs": 1}, run={"wandb": "grades", "wandb_offline": True})
    train(make_task(settings), say=quiet)
    run_id = json.loads((out / trackers.IDS).read_text())["wandb"]
    kept = next((out / "wandb").glob(f"offline-run-*-{run_id}/run-{run_id}.wandb")).read_bytes()
    for name in (b"step/loss", b"epoch/kappa", b"optimisation", b"grades"):
        assert name in kept
    files = {path.name for path in (out / "wandb").rglob("*") if path.is_file()}
    assert not files & {"output.log", "wandb-metadata.json", "diff.patch"}


def test_a_tracker_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda _name: None)
    with pytest.raises(TrainingError, match=r"run\.mlflow is 'runs/m'.*pip install 'htnet-clinical\[mlflow\]'"):
        trackers.refuse_missing_trackers(RunConfig(out="x", mlflow="runs/m"))
    with pytest.raises(TrainingError, match=r"htnet-clinical\[wandb\]"):
        trackers.refuse_missing_trackers(RunConfig(out="x", wandb="p"))


def test_an_mlflow_address_that_nobody_knows_is_refused(cache: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlflow.tracking")
    settings = config(cache, tmp_path / "run", run={"mlflow": "gopher://there"})
    with pytest.raises(TrainingError, match=r"run\.mlflow is 'gopher://there', which cannot be used"):
        train(make_task(settings), say=quiet)
