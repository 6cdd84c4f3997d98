"""The answers for a set of clips, judged: the same four files as an evaluation of grading."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from face.whole_file import write_text
from model_training.data.sample_table import write_table
from model_training.judging.answer_plots import answer_plots, learning_plots, recall_table
from model_training.judging.evaluated import Evaluated
from model_training.judging.few_people import few_people_warnings
from model_training.judging.meanings import WORST
from model_training.judging.page import (
    WORST_SHOWN,
    Report,
    Table,
    WorstError,
    picture_png,
    write_page,
)
from model_training.metrics.classification import Ints, confusion_matrix, per_class_recall
from model_training.metrics.intervals import intervals_by_person
from model_training.metrics.reliability import equal_count_bins, expected_calibration_error, most_probable
from model_training.microexpression.evaluation.scores import parts_of, scores_of
from model_training.microexpression.published_flow import FlowImages

# Of equally many clips: real sets are too small to fill bins of equal width.
RELIABILITY_BINS = 5
REPEATS = 1000
Answered = npt.NDArray[np.floating[Any]]


def write_clips_report(
    clips: FlowImages,
    answered: Answered,
    out: Path,
    *,
    title: str,
    epochs: Sequence[Mapping[str, Any]] = (),
    pictures: bool = False,
) -> Evaluated:
    """metrics.json, metrics.csv, predictions.csv and report.html. answered (N, classes): calibrated probabilities;
    epochs: of the run; pictures: show the flow images of the worst errors."""
    metrics = summarise_clips(clips, answered)
    write_table(predictions(clips, answered), out / "predictions.csv")
    write_table(pd.DataFrame(metrics["table"]), out / "metrics.csv")
    write_text(json.dumps(metrics, indent=1), out / "metrics.json")
    _write_page(metrics, _worst(clips, answered, pictures=pictures), out / "report.html", title=title, epochs=epochs)
    return Evaluated.of(metrics)


def summarise_clips(clips: FlowImages, answered: Answered) -> dict[str, Any]:
    """Everything that is reported, as JSON."""
    predicted, names = answered.argmax(1), clips.class_names
    groups = {name: _group(clips, answered, rows) for name, rows in parts_of(clips.datasets).items()}
    matrix = confusion_matrix(truth=clips.labels, predicted=predicted, classes=len(names))
    curve = equal_count_bins(*most_probable(answered, clips.labels), bins=RELIABILITY_BINS)
    recall = per_class_recall(matrix)
    return {
        "labels": list(names),
        "all": groups["full"],
        "recall": {
            label: None if np.isnan(value) else float(value) for label, value in zip(names, recall, strict=True)
        },
        "confusion_matrix": matrix.tolist(),
        "reliability": {
            "ece": expected_calibration_error(answered, clips.labels),
            "bins": [asdict(point) for point in curve],
        },
        "groups": {"dataset": groups},
        "table": [
            {"group": "dataset", "value": name, "clips": part["samples"], "people": part["people"], **part["figures"]}
            for name, part in groups.items()
        ],
        "warnings": few_people_warnings(people=clips.subjects, truth=clips.labels, labels=names),
        "note": "Intervals: 95 % percentile bootstrap, resampling people.",
    }


def _group(clips: FlowImages, answered: Answered, chosen: npt.NDArray[np.bool_]) -> dict[str, Any]:
    part, shares = clips.of(chosen), answered[chosen]

    def figures(rows: Ints) -> dict[str, float]:
        truth, predicted = part.labels[rows], shares[rows].argmax(1)
        matrix = confusion_matrix(truth=truth, predicted=predicted, classes=len(clips.class_names))
        return {
            **scores_of(matrix),
            "accuracy": float((truth == predicted).mean()),
            "ece": expected_calibration_error(shares[rows], truth),
        }

    intervals = intervals_by_person(part.subjects, figures, repeats=REPEATS)
    return {
        "samples": len(part),
        "people": len(part.subject_names),
        "figures": figures(np.arange(len(part))),
        "intervals": {name: list(bounds) for name, bounds in intervals.items()},
    }


def predictions(clips: FlowImages, answered: Answered) -> pd.DataFrame:
    """One row a clip: whose it is, the truth and the answer."""
    table = pd.DataFrame({"dataset": clips.datasets, "person_id": clips.subjects, "clip": clips.clips})
    table["label"] = [clips.class_names[label] for label in clips.labels]
    table["predicted"] = [clips.class_names[label] for label in answered.argmax(1)]
    for index, name in enumerate(clips.class_names):
        table[f"probability_{name}"] = answered[:, index]
    return table


def _worst(clips: FlowImages, answered: Answered, *, pictures: bool) -> list[WorstError]:
    """Wrong answers, the surest first."""
    predicted, sure = answered.argmax(1), answered.max(1)
    order = [int(row) for row in np.argsort(-sure, kind="stable") if predicted[row] != clips.labels[row]]
    return [
        WorstError(
            sample=str(clips.clips[row]),
            person=str(clips.subjects[row]),
            true=clips.class_names[clips.labels[row]],
            answered=f"{clips.class_names[predicted[row]]} ({sure[row]:.0%})",
            picture=picture_png(clips.images[row]) if pictures else "",
        )
        for row in order[:WORST_SHOWN]
    ]


def _write_page(
    metrics: Mapping[str, Any],
    worst: Sequence[WorstError],
    path: Path,
    *,
    title: str,
    epochs: Sequence[Mapping[str, Any]],
) -> None:
    whole = metrics["all"]
    rows = [
        [
            name,
            *(str(part[key]) for key in ("samples", "people")),
            *(f"{part['figures'][key]:.3f}" for key in ("uf1", "uar", "accuracy", "ece")),
        ]
        for name, part in metrics["groups"]["dataset"].items()
    ]
    columns = ["data set", "clips", "people", "uf1", "uar", "accuracy", "ece"]
    report = Report(
        title=title,
        about=f"{whole['samples']} clips of {whole['people']} people. {metrics['note']}",
        figures=whole["figures"],
        intervals=whole["intervals"],
        warnings=metrics["warnings"],
        plots=[*answer_plots(metrics), *learning_plots(epochs, score="uf1")],
        tables=[
            recall_table(metrics),
            Table("By data set", "`full` is all of them together.", columns, rows),
        ],
        worst=worst,
        worst_meaning=WORST,
    )
    write_page(report, path)
