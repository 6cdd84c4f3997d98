"""Judge a checkpoint on a cache: figures with intervals by person, over all and per data set, pose and subgroup."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from face.palsy.decoding import PalsyCalibration
from face.whole_file import write_text
from model_training.configuration import build
from model_training.data.cache import Cache, open_cache
from model_training.data.sample_table import write_table
from model_training.errors import TrainingError
from model_training.judging.evaluated import Evaluated
from model_training.judging.few_people import few_people_warnings
from model_training.judging.learning_curves import epochs_beside
from model_training.metrics.classification import confusion_matrix, per_class_recall
from model_training.metrics.intervals import intervals_by_person
from model_training.metrics.reliability import calibration_error
from model_training.networks.build import restore
from model_training.palsy.evaluation.html_report import write_report
from model_training.palsy.evaluation.judgement import Judgement, judge, worst_errors
from model_training.palsy.task import PalsyTask
from model_training.runtime.distributed import check_device
from model_training.training.checkpoint import Checkpoint, load_checkpoint
from model_training.training.config import TrainConfig
from model_training.training.run_model import run_model
from model_training.training.task import Outputs

GROUP_COLUMNS = ("dataset", "pose")


@dataclass(frozen=True, kw_only=True)
class Selected:
    """The rows of a cache that a checkpoint shall answer for."""

    checkpoint: Checkpoint
    cache: Cache
    rows: npt.NDArray[np.int64]

    @property
    def frame(self) -> pd.DataFrame:
        return self.cache.frame.iloc[self.rows]


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A checkpoint's raw outputs for the rows of `frame`."""

    checkpoint: Checkpoint
    task: PalsyTask
    frame: pd.DataFrame
    outputs: Outputs

    def judged(self, calibration: Mapping[str, Any]) -> Judgement:
        return judge(
            self.frame,
            self.outputs,
            labels=self.checkpoint.labels,
            calibration=PalsyCalibration.from_dict(calibration),
        )


def select(checkpoint: Path, cache_folder: Path, *, split: str) -> Selected:
    """Raises TrainingError where the cache was made by another preprocessing than the checkpoint's, knows other labels,
    or has no row of the split."""
    loaded, cache = _matching(checkpoint, cache_folder)
    rows = _rows_of(cache, split)
    over = int(cache.frame["label"].iloc[rows].max())
    if over > len(loaded.labels):
        raise TrainingError(
            f"{cache_folder}: has label {over}, the checkpoint knows {len(loaded.labels)} ({', '.join(loaded.labels)})"
        )
    return Selected(checkpoint=loaded, cache=cache, rows=rows)


def answer(
    selected: Selected, *, device: str = "cpu", progress: Callable[[int, int], object] | None = None
) -> Answered:
    """The network of the checkpoint on the selected rows, without augmentation. progress: called with (images done,
    all)."""
    loaded = selected.checkpoint
    task = PalsyTask(_config_of(loaded))
    network = restore(loaded.config["model"], loaded.state_dict, source=str(loaded.path)).to(device)
    outputs = run_model(task, network, selected.cache, selected.rows, device=device, progress=progress)
    return Answered(checkpoint=loaded, task=task, frame=selected.frame, outputs=outputs)


def evaluate(
    checkpoint: Path,
    cache_folder: Path,
    out: Path,
    *,
    split: str = "test",
    by: tuple[str, ...] = (),
    device: str = "cpu",
    pictures: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> Evaluated:
    """Write metrics.json, metrics.csv, predictions.csv and report.html. pictures: the report shows the worst errors'
    faces, as the model sees them. progress: called with (images done, all).

    Raises TrainingError as `select`.
    """
    check_device(device)
    selected = select(checkpoint, cache_folder, split=split)
    out.mkdir(parents=True, exist_ok=True)  # what cannot be written is known before the work
    answered = answer(selected, device=device, progress=progress)
    judged = answered.judged(answered.checkpoint.calibration)
    return write_evaluation(
        judged,
        summarise(judged, by=by),
        out,
        title=f"{checkpoint.name} on {split} of {cache_folder.name}",
        epochs=epochs_beside(answered.checkpoint.path or checkpoint),
        pictures=selected.cache if pictures else None,
    )


def write_evaluation(
    judged: Judgement,
    metrics: Mapping[str, Any],
    out: Path,
    *,
    title: str,
    epochs: Sequence[Mapping[str, Any]] = (),
    pictures: Cache | None = None,
) -> Evaluated:
    """The four files of an evaluation; also what `crossval` writes for its pooled folds. epochs: of the run; pictures:
    the cache, where the report shall show the worst errors' faces."""
    write_table(judged.predictions(), out / "predictions.csv")
    write_table(pd.DataFrame(metrics["table"]), out / "metrics.csv")
    write_text(json.dumps(metrics, indent=1), out / "metrics.json")
    worst = worst_errors(judged, pictures=pictures)
    write_report(metrics, out / "report.html", title=title, epochs=epochs, worst=worst)
    return Evaluated.of(metrics)


def summarise(judged: Judgement, *, by: tuple[str, ...] = (), repeats: int = 500) -> dict[str, Any]:
    """Everything that is reported, as JSON: `all`, the groups, and the flat `table` of the CSV."""
    everything = np.arange(len(judged.truth))
    people = judged.frame["person_id"].to_numpy(object)
    whole = _group(judged, everything, people, repeats)
    matrix = confusion_matrix(truth=judged.truth, predicted=judged.predicted, classes=len(judged.labels))
    curve = judged.reliability_curve()
    groups: dict[str, dict[str, Any]] = {}
    for column in dict.fromkeys([*GROUP_COLUMNS, *by]):
        if column not in judged.frame.columns:
            if column in by:
                raise TrainingError(
                    f"--by {column}: the table has no such column; it has {', '.join(judged.frame.columns)}"
                )
            continue
        values = judged.frame[column].astype(str).to_numpy()
        if column not in by and not any(values):  # the table does not say
            continue
        groups[column] = {
            str(v): _group(judged, np.flatnonzero(values == v), people, repeats) for v in sorted(set(values))
        }
    table = [{"group": "all", "value": "", "samples": whole["samples"], "people": whole["people"], **whole["figures"]}]
    for column, parts in groups.items():
        table += [
            {"group": column, "value": v, "samples": p["samples"], "people": p["people"], **p["figures"]}
            for v, p in parts.items()
        ]
    recall = per_class_recall(matrix)
    return {
        "labels": list(judged.labels),
        "all": whole,
        "recall": {
            label: (None if np.isnan(value) else float(value))
            for label, value in zip(judged.labels, recall, strict=True)
        },
        "confusion_matrix": matrix.tolist(),
        "reliability": {"ece": calibration_error(curve), "bins": [asdict(point) for point in curve]},
        "groups": groups,
        "table": table,
        "warnings": few_people_warnings(people=people, truth=judged.truth, labels=judged.labels),
        "note": "Intervals: 95 % percentile bootstrap, resampling people.",
    }


def _group(
    judged: Judgement, rows: npt.NDArray[np.int64], people: npt.NDArray[np.object_], repeats: int
) -> dict[str, Any]:
    intervals = intervals_by_person(people[rows], lambda drawn: judged.figures(rows[drawn]), repeats=repeats)
    return {
        "samples": len(rows),
        "people": len(set(people[rows])),
        "figures": judged.figures(rows),
        "intervals": {name: list(bounds) for name, bounds in intervals.items()},
    }


def _matching(checkpoint: Path, cache_folder: Path) -> tuple[Checkpoint, Cache]:
    loaded = load_checkpoint(checkpoint)
    if loaded.task != "palsy":
        raise TrainingError(
            f"{checkpoint}: a checkpoint for {loaded.task!r}, this command is for grades. Micro-expression models have "
            "`htnet microexpression loso` and `htnet microexpression calibrate`."
        )
    return loaded, open_cache(cache_folder, kind="palsy", fingerprint=loaded.preprocessing["fingerprint"])


def _config_of(loaded: Checkpoint) -> TrainConfig:
    return build(TrainConfig, loaded.config["train"], source=str(loaded.path))


def _rows_of(cache: Cache, split: str) -> npt.NDArray[np.int64]:
    if split not in ("train", "validation", "test", "all"):
        raise TrainingError(f"--split must be train, validation, test or all, got {split!r}")
    splits = cache.frame["split"].to_numpy()
    rows = np.arange(len(splits)) if split == "all" else np.flatnonzero(splits == split)
    if not len(rows):
        there = ", ".join(
            f"{name or 'no split'} ({count})" for name, count in cache.frame["split"].value_counts().items()
        )
        raise TrainingError(f"{cache.folder}: no row of split {split!r}; it has {there}")
    return rows
