"""TensorBoard, MLflow and W&B get a run's figures, and nothing else."""

from __future__ import annotations

import json
import time
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


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("gopher://there", "'gopher://there', which cannot be used"),
        ("sqlite:///{folder}/nowhere/runs.db", "unable to open database file"),
        ("sqlite:///{folder}/letter.txt", "file is not a database"),
        # Nobody listens there; and the password is nobody's business.
        (
            "postgresql+psycopg://ann:secret@127.0.0.1:9/runs",
            "ann:\\*\\*\\*@127.0.0.1:9/runs', .* [Cc]onnection refused",
        ),
        ("mssql+nothing://x/y", "cannot be used: .*nothing"),
    ],
)
def test_an_mlflow_address_that_cannot_be_used_is_refused_in_one_line(
    cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], address: str, told: str
) -> None:
    pytest.importorskip("mlflow.tracking")
    (tmp_path / "letter.txt").write_text("Dear all, this is a letter and no database of anything at all." * 20)
    settings = config(cache, tmp_path / "run", run={"mlflow": address.format(folder=tmp_path)})
    started = time.monotonic()
    with pytest.raises(TrainingError, match=told) as refused:
        train(make_task(settings), say=quiet)
    assert time.monotonic() - started < 30, "MLflow's own tries take minutes"
    text = str(refused.value)
    assert text.count("\n") == 0
    assert "sqlalche.me" not in text + capfd.readouterr().err
    assert "secret" not in text
