"""Where a run's figures go beside its own files: TensorBoard, MLflow, Weights & Biases.

They get numbers and the configuration. No picture, no table and no checkpoint leaves the run's folder, and what MLflow
and W&B collect by themselves (code, host, console, their own telemetry) is switched off.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from face.whole_file import write_text
from model_training.errors import TrainingError
from model_training.training.config import RunConfig

# Of a run in MLflow and W&B, so that a resumed run goes on in them too.
IDS = "trackers.json"
EXPERIMENT = "htnet"
MLFLOW_BATCH = 500


class Tracker(Protocol):
    """What takes the figures of one run."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """step: optimiser steps since the first epoch began, from 1."""

    def flush(self) -> None: ...

    def close(self, *, finished: bool) -> None:
        """finished: the run reached its end, rather than being stopped or failing."""


def refuse_missing_trackers(run: RunConfig) -> None:
    """Raises TrainingError where the configuration asks for one that is not installed."""
    for name, wanted, package in (("mlflow", run.mlflow, "mlflow"), ("wandb", run.wandb, "wandb")):
        if wanted and find_spec(package) is None:
            raise TrainingError(
                f"run.{name} is {wanted!r}, but {package} is not installed: pip install 'htnet-clinical[{name}]', or "
                f"leave run.{name} out"
            )


def open_trackers(run: RunConfig, config: Mapping[str, Any], *, out: Path, first_step: int) -> list[Tracker]:
    """Those that the configuration asks for. first_step: what is logged from here on; config: of the whole run.

    Raises TrainingError for one that is not installed or cannot be reached.
    """
    refuse_missing_trackers(run)
    trackers: list[Tracker] = []
    if run.tensorboard:
        trackers.append(_TensorBoard(out, first_step))
    ids = _read_ids(out)
    if run.mlflow:
        mlflow = _MLflow(run.mlflow, config, run_id=ids.get("mlflow", ""), name=out.name)
        ids["mlflow"] = mlflow.run_id
        trackers.append(mlflow)
    if run.wandb:
        ids.setdefault("wandb", uuid4().hex[:8])
        trackers.append(_Wandb(run, config, run_id=ids["wandb"], out=out))
    if ids:
        write_text(json.dumps(ids), out / IDS)
    return trackers


def _read_ids(out: Path) -> dict[str, str]:
    path = out / IDS
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


class _TensorBoard:
    def __init__(self, out: Path, first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(out / "tensorboard"), purge_step=first_step)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def flush(self) -> None:
        self._writer.flush()

    def close(self, *, finished: bool) -> None:  # noqa: ARG002 - TensorBoard keeps no state of a run
        self._writer.close()


class _MLflow:
    """address: of a server (http://...), a database (sqlite:///FILE) or a folder."""

    def __init__(self, address: str, config: Mapping[str, Any], *, run_id: str, name: str) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        uri = address
        if "://" not in address:
            uri = Path(address).resolve().as_uri()
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow.entities import Metric
        from mlflow.tracking import MlflowClient

        self._metric: Any = Metric
        self._waiting: list[Any] = []
        try:
            _refuse_closed_database(uri)
            self._client: Any = MlflowClient(tracking_uri=uri)
            if run_id:
                self._client.update_run(run_id, status="RUNNING")
            else:
                experiment = self._client.get_experiment_by_name(EXPERIMENT)
                number = experiment.experiment_id if experiment else self._client.create_experiment(EXPERIMENT)
                run_id = self._client.create_run(number, run_name=name).info.run_id
                for key, value in _flat(config).items():
                    self._client.log_param(run_id, key, str(value)[:MLFLOW_BATCH])
        except Exception as error:  # besides MLflow's, those of every database's driver
            raise TrainingError(
                f"run.mlflow is {_without_password(address)!r}, which cannot be used: {_reason(error)}"
            ) from error
        self.run_id = run_id

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        self._waiting += [self._metric(name, value, now, step) for name, value in values.items()]
        if len(self._waiting) >= MLFLOW_BATCH:
            self.flush()

    def flush(self) -> None:
        while self._waiting:
            self._client.log_batch(self.run_id, metrics=self._waiting[:MLFLOW_BATCH])
            del self._waiting[:MLFLOW_BATCH]

    def close(self, *, finished: bool) -> None:
        self.flush()
        self._client.set_terminated(self.run_id, "FINISHED" if finished else "KILLED")


def _refuse_closed_database(uri: str) -> None:
    """MLflow itself would ask a database for minutes, and fill the screen meanwhile. Raises the driver's error."""
    from mlflow.store.db.db_types import DATABASE_ENGINES
    from sqlalchemy import create_engine, inspect

    if uri.partition("://")[0].partition("+")[0] in DATABASE_ENGINES:
        engine = create_engine(uri)
        try:
            inspect(engine).get_table_names()  # a file is opened only to be read
        finally:
            engine.dispose()


def _reason(error: Exception) -> str:
    """One line: what the driver says where SQLAlchemy has wrapped it with advice of its own."""
    return str(getattr(error, "orig", None) or error or type(error).__name__).splitlines()[0]


def _without_password(address: str) -> str:
    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:***@", address)


class _Wandb:
    def __init__(self, run: RunConfig, config: Mapping[str, Any], *, run_id: str, out: Path) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        quiet = wandb.Settings(
            disable_git=True,
            console="off",
            save_code=False,
            silent=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
        )
        try:
            self._run: Any = wandb.init(
                project=run.wandb,
                name=out.name,
                id=run_id,
                resume="allow",
                mode="offline" if run.wandb_offline else "online",
                dir=str(out),
                config=dict(config),
                settings=quiet,
            )
        except wandb.errors.Error as error:
            raise TrainingError(
                f"run.wandb is {run.wandb!r}, but W&B cannot be reached or does not let us in ({error}). Log in with "
                "`wandb login`, or keep the figures here with run.wandb_offline=true"
            ) from error
        self._step = 0
        self._gathered: dict[str, float] = {}

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """A step of W&B is written once: an epoch's figures belong to its last step."""
        if step != self._step:
            self._write()
            self._step = step
        self._gathered.update(values)

    def _write(self) -> None:
        if self._gathered:
            self._run.log(self._gathered, step=self._step)
            self._gathered = {}

    def flush(self) -> None:
        """W&B writes by itself."""

    def close(self, *, finished: bool) -> None:
        self._write()
        self._run.finish(exit_code=0 if finished else 1)


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
