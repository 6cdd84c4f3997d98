"""A checkpoint on real clips, none of which it has seen: figures, and their picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_training.judging.confusion_plot import draw_confusion
from model_training.metrics.reliability import equal_count_bins, expected_calibration_error, most_probable
from model_training.microexpression.evaluation.scores import (
    Clips,
    calibrated_by_others,
    composite_confusion,
    composite_scores,
    intervals_by_subject,
    right_by_subject,
)
from model_training.microexpression.inference.answers import Shares, calibrated
from model_training.microexpression.published_flow import FlowImages

# Of equally many clips: real sets are too small to fill bins of equal width.
RELIABILITY_BINS = 5


def zero_shot_report(each: Shares, temperature: float, data: FlowImages) -> dict[str, Any]:
    """Scores on real clips none of which was trained on: each member, their mean and spread, the ensemble with its
    interval by subject. each (members, N, classes): uncalibrated; a single network is an ensemble of one."""
    ensemble = each.mean(0)
    classes = len(data.class_names)
    among: Clips = {"truth": data.labels, "datasets": data.datasets, "classes": classes}
    members = [composite_scores(predicted=one.argmax(-1), **among) for one in each]
    full = np.array([[one["full"]["uf1"], one["full"]["uar"]] for one in members])
    predicted = ensemble.argmax(-1)
    answered = calibrated(each, temperature)
    curve = equal_count_bins(*most_probable(answered, data.labels), bins=RELIABILITY_BINS)
    pairs = [(first, second) for second in range(len(each)) for first in range(second)]
    return {
        "clips": len(data),
        "subjects": len(data.subject_names),
        "members": members,
        "member_agreement": float(
            np.mean([(each[i].argmax(-1) == each[j].argmax(-1)).mean() for i, j in pairs] or [1])
        ),
        "single_mean": {"uf1": float(full[:, 0].mean()), "uar": float(full[:, 1].mean())},
        "single_sd": {
            "uf1": float(full[:, 0].std(ddof=1)) if len(full) > 1 else 0.0,
            "uar": float(full[:, 1].std(ddof=1)) if len(full) > 1 else 0.0,
        },
        "ensemble": composite_scores(predicted=predicted, **among),
        "ensemble_interval_95_by_subject": intervals_by_subject(
            truth=data.labels, predicted=predicted, subjects=data.subjects, classes=classes
        ),
        "ensemble_confusion": {
            name: counts.tolist() for name, counts in composite_confusion(predicted=predicted, **among).items()
        },
        "calibration": {
            "temperature": temperature,
            "ece": expected_calibration_error(answered, data.labels),
            "ece_uncalibrated": expected_calibration_error(ensemble, data.labels),
            **_calibration_by_others(ensemble, data),
        },
        "reliability": [
            {"confidence": point.confidence, "accuracy": point.accuracy, "clips": point.count} for point in curve
        ],
        "per_subject": right_by_subject(truth=data.labels, predicted=predicted, subjects=data.subjects, name="right"),
    }


def _calibration_by_others(probabilities: npt.NDArray[np.float32], data: FlowImages) -> dict[str, float]:
    """Nothing where there are no others."""
    if len(data.subject_names) < 2:
        return {}
    calibrated, temperatures = calibrated_by_others(probabilities, data.labels, data.subjects)
    return {
        "ece_temperature_from_other_subjects": expected_calibration_error(calibrated, data.labels),
        "temperature_from_other_subjects": float(temperatures.mean()),
    }


def write_zero_shot(report: dict[str, Any], out: Path, names: Sequence[str]) -> None:
    """zero_shot.json and zero_shot.png: confusion matrix of each data set, and how far a probability can be
    believed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    out.mkdir(parents=True, exist_ok=True)
    (out / "zero_shot.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    tables = report["ensemble_confusion"]
    figure, axes = pyplot.subplots(1, len(tables) + 1, figsize=(3.1 * (len(tables) + 1), 3.1), layout="constrained")
    for place, (name, counts) in zip(axes[:-1], tables.items(), strict=True):
        draw_confusion(place, counts, names)
        score = report["ensemble"][name]
        place.set_title(f"{name}: UF1 {score['uf1']:.3f}, UAR {score['uar']:.3f}", fontsize=9)
    points = report["reliability"]
    axes[-1].plot([1 / len(names), 1], [1 / len(names), 1], color="0.7", linewidth=1)
    axes[-1].plot([point["confidence"] for point in points], [point["accuracy"] for point in points], "o-")
    axes[-1].set_title(f"calibration: ECE {report['calibration']['ece']:.3f}", fontsize=9)
    axes[-1].set_xlabel("answered probability")
    axes[-1].set_ylabel("share right")
    figure.savefig(out / "zero_shot.png", dpi=90)
    pyplot.close(figure)
