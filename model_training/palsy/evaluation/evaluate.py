"""Judge a checkpoint on a cache: figures with intervals by person, over all and per data set, pose and subgroup."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from face.palsy.decoding import PalsyCalibration, PalsyReading, decode
from face.vocabulary import SIDES
from face.whole_file import write_text
from model_training.configuration import build
from model_training.data.cache import Cache, open_cache
from model_training.data.sample_table import write_table
from model_training.errors import TrainingError
from model_training.metrics.classification import confusion_matrix, per_class_recall
from model_training.metrics.intervals import intervals_by_person
from model_training.metrics.reliability import ReliabilityBin, calibration_error, equal_width_bins
from model_training.networks.build import restore
from model_training.palsy.evaluation.grading_figures import RELIABILITY_BINS, grading_figures
from model_training.palsy.evaluation.html_report import write_report
from model_training.palsy.task import PalsyTask, side_index
from model_training.runtime.distributed import check_device
from model_training.training.checkpoint import Checkpoint, load_checkpoint
from model_training.training.config import TrainConfig
from model_training.training.run_model import run_model
from model_training.training.task import Outputs

GROUP_COLUMNS = ("dataset", "pose")


@dataclass(frozen=True)
class Judgement:
    """Decoded answers of a set of rows. truth, sides: (N,) from 0 / index of SIDES or -1."""

    frame: pd.DataFrame
    labels: tuple[str, ...]
    truth: npt.NDArray[np.int64]
    sides: npt.NDArray[np.int64]
    readings: list[PalsyReading]

    def figures(self, rows: npt.NDArray[np.int64]) -> dict[str, float]:
        """`grading_figures` of these row numbers, which may repeat."""
        readings = [self.readings[row] for row in rows]
        in_set = np.zeros((len(rows), len(self.labels)), bool)
        for number, reading in enumerate(readings):
            in_set[number, list(reading.prediction_set)] = True
        return grading_figures(
            truth=self.truth[rows],
            probabilities=np.stack([reading.probabilities for reading in readings]),
            expected=np.asarray([reading.expected for reading in readings]) - 1,
            classes=len(self.labels),
            in_set=in_set,
            sides=self.sides[rows],
            predicted_sides=np.asarray([SIDES.index(reading.side) for reading in readings]),
            likelier_sides=np.asarray([SIDES.index(reading.likelier_side) for reading in readings]),
        )

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """(N,) grades answered, from 0."""
        return np.asarray([reading.index for reading in self.readings], np.int64)

    def reliability_curve(self) -> list[ReliabilityBin]:
        """Of the grades answered."""
        confidence = np.asarray([reading.probability for reading in self.readings])
        return equal_width_bins(confidence, self.predicted == self.truth, bins=RELIABILITY_BINS)

    def predictions(self) -> pd.DataFrame:
        """One row a photograph: who and what it shows, and the answer."""
        kept = [
            name
            for name in ("sample_id", "person_id", "dataset", "pose", "split", "label", "side")
            if name in self.frame.columns
        ]
        table = self.frame[kept].reset_index(drop=True)
        table["predicted"] = [reading.index + 1 for reading in self.readings]
        table["expected"] = [reading.expected for reading in self.readings]
        table["prediction_set"] = [
            " ".join(self.labels[i] for i in reading.prediction_set) for reading in self.readings
        ]
        table["predicted_side"] = [reading.side for reading in self.readings]
        for index, label in enumerate(self.labels):
            table[f"probability_{label}"] = [float(reading.probabilities[index]) for reading in self.readings]
        return table


def judge(
    frame: pd.DataFrame, outputs: Outputs, *, labels: tuple[str, ...], calibration: PalsyCalibration
) -> Judgement:
    """outputs: grade_logits (N, K-1) and side_logits (N, 3) of the N rows of `frame`."""
    readings = decode(outputs["grade_logits"], outputs["side_logits"], calibration=calibration)
    return Judgement(frame, labels, frame["label"].to_numpy(np.int64) - 1, side_index(frame), readings)


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
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, str]:
    """Write metrics.json, metrics.csv, predictions.csv and report.html; returns the main figures as text. progress:
    called with (images done, all).

    Raises TrainingError as `select`.
    """
    check_device(device)
    selected = select(checkpoint, cache_folder, split=split)
    out.mkdir(parents=True, exist_ok=True)  # what cannot be written is known before the work
    answered = answer(selected, device=device, progress=progress)
    judged = answered.judged(answered.checkpoint.calibration)
    metrics = summarise(judged, by=by)
    return write_evaluation(judged, metrics, out, title=f"{checkpoint.name} on {split} of {cache_folder.name}")


def write_evaluation(judged: Judgement, metrics: Mapping[str, Any], out: Path, *, title: str) -> dict[str, str]:
    """The four files of an evaluation; also what `crossval` writes for its pooled folds."""
    write_table(judged.predictions(), out / "predictions.csv")
    write_table(pd.DataFrame(metrics["table"]), out / "metrics.csv")
    write_text(json.dumps(metrics, indent=1), out / "metrics.json")
    write_report(metrics, out / "report.html", title=title)
    shown = {}
    for name, value in metrics["all"]["figures"].items():
        low, high = metrics["all"]["intervals"].get(name, (float("nan"), float("nan")))
        shown[name] = f"{value:.3f} [{low:.3f}, {high:.3f}]"
    return shown


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
