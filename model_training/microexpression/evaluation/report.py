"""LOSO results -> tables: JSON with everything, CSV for people, a PNG of the protocols and confusion matrices."""

from __future__ import annotations

import csv
import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from model_training.judging.confusion_plot import draw_confusion
from model_training.metrics.classification import confusion_matrix
from model_training.metrics.reliability import expected_calibration_error
from model_training.microexpression.evaluation.baseline import baseline_report
from model_training.microexpression.evaluation.scores import (
    Clips,
    calibrated_by_others,
    composite_confusion,
    composite_scores,
    intervals_by_subject,
    right_by_subject,
    scores_of,
    uf1_difference,
)
from model_training.microexpression.folded.loso import PROTOCOLS, LosoResult, choose, choose_held_out
from model_training.microexpression.published_flow import FlowImages


def mean_and_spread(scores: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Per part (full, each data set): mean and standard deviation over seeds of UF1 and UAR."""
    table = {}
    for part in scores[0]:
        values = {key: np.array([score[part][key] for score in scores]) for key in ("uf1", "uar")}
        table[part] = {
            **{key: float(value.mean()) for key, value in values.items()},
            **{f"{key}_sd": float(value.std(ddof=1)) if len(value) > 1 else 0.0 for key, value in values.items()},
            "clips": scores[0][part]["clips"],
        }
    return table


def protocol_report(probabilities: list[np.ndarray], data: FlowImages, labels: np.ndarray) -> dict[str, Any]:
    """One protocol: (N, classes) a seed -> scores of single models and of their averaged ensemble, intervals,
    confusion matrices and calibration."""
    mean = np.mean(probabilities, axis=0)
    among: Clips = {"truth": labels, "datasets": data.datasets, "classes": len(data.class_names)}
    single = [composite_scores(predicted=one.argmax(-1), **among) for one in probabilities]
    predicted = mean.argmax(-1)
    calibrated, temperatures = calibrated_by_others(mean, labels, data.subjects)
    return {
        "seeds": single,
        "single": mean_and_spread(single),
        "single_interval_95_by_subject": _mean_interval(probabilities, data, labels),
        "ensemble": composite_scores(predicted=predicted, **among),
        "ensemble_interval_95_by_subject": _interval(mean, data, labels),
        "confusion_of_ensemble": {
            name: counts.tolist() for name, counts in composite_confusion(predicted=predicted, **among).items()
        },
        "calibration_of_ensemble": {
            "ece": expected_calibration_error(mean, labels),
            "ece_temperature_from_other_subjects": expected_calibration_error(calibrated, labels),
            "temperature_from_other_subjects": float(np.mean(temperatures)),
        },
    }


def _mean_interval(probabilities: list[np.ndarray], data: FlowImages, labels: np.ndarray) -> dict[str, list[float]]:
    """The interval of a single model: the mean over seeds of each seed's bounds."""
    each = [_interval(one, data, labels) for one in probabilities]
    return {key: np.mean([interval[key] for interval in each], axis=0).tolist() for key in ("uf1", "uar")}


def _interval(probabilities: np.ndarray, data: FlowImages, labels: np.ndarray) -> dict[str, list[float]]:
    return intervals_by_subject(
        truth=labels, predicted=probabilities.argmax(-1), subjects=data.subjects, classes=len(data.class_names)
    )


def shuffled_report(shuffled: list[LosoResult], data: FlowImages) -> dict[str, Any]:
    """The control: what (a) and (b) make of permuted labels, mean over the runs."""
    table = {}
    for protocol in ("a", "b"):
        scores = []
        for one in shuffled:
            predicted = choose(one, data.subject_index(), protocol).argmax(-1)
            counts = confusion_matrix(truth=one.labels, predicted=predicted, classes=len(data.class_names))
            scores.append(scores_of(counts))
        table[protocol] = {
            "uf1": float(np.mean([score["uf1"] for score in scores])),
            "uar": float(np.mean([score["uar"] for score in scores])),
            "chance_uar": 1 / len(data.class_names),
        }  # fmt: skip
    return table


def loso_report(
    results: list[LosoResult],
    held_out: list[list[LosoResult]],
    shuffled: list[LosoResult],
    data: FlowImages,
    *,
    configurations: list[str],
    about: dict[str, Any],
) -> dict[str, Any]:
    """All protocols side by side. `results`: the first configuration, one a seed. `held_out`: for each seed one result
    a configuration. `held_out` and `shuffled` may be empty lists; what was not run is not in the report. The baseline
    always is."""
    subject = data.subject_index()
    chosen = {protocol: [choose(result, subject, protocol) for result in results] for protocol in ("a", "b")}
    report: dict[str, Any] = {
        "about": about,
        "clips": len(data),
        "subjects": len(data.subject_names),
        "classes": list(data.class_names),
        "configurations_tried": len(configurations),
        "configurations": configurations,
        "protocols": {},
    }
    if held_out:
        nested = [choose_held_out(runs, subject) for runs in held_out]
        chosen["c"] = [probabilities for probabilities, _ in nested]
        winners = np.concatenate([winner for _, winner in nested])
        report["chosen_for_share_of_folds"] = {
            name: float((winners == number).mean()) for number, name in enumerate(configurations)
        }
    for protocol, probabilities in chosen.items():
        report["protocols"][protocol] = {
            "meaning": PROTOCOLS[protocol],
            **protocol_report(probabilities, data, data.labels),
        }
    if shuffled:
        report["shuffled_labels"] = shuffled_report(shuffled, data)
    report["baseline"] = baseline_report(data)
    ensemble = np.mean(chosen["b"], axis=0).argmax(-1)
    if len(results) > 1:
        report["ensemble_minus_single_uf1"] = uf1_difference(
            truth=data.labels,
            first=chosen["b"][0].argmax(-1),
            second=ensemble,
            subjects=data.subjects,
            classes=len(data.class_names),
        )
    report["per_subject"] = right_by_subject(
        truth=data.labels, predicted=ensemble, subjects=data.subjects, name="right_b_ensemble"
    )
    return report


def told(report: dict[str, Any]) -> list[str]:
    """The main figures in lines: UF1/UAR of every protocol, the baseline and the control."""
    lines = []
    for name, protocol in report["protocols"].items():
        single, both = protocol["single"]["full"], protocol["ensemble"]["full"]
        lines.append(
            f"({name}) {protocol['meaning']}: single {single['uf1']:.3f}/{single['uar']:.3f}, "
            f"ensemble {both['uf1']:.3f}/{both['uar']:.3f}"
        )
    baseline = report["baseline"]["scores"]["full"]
    lines.append(f"baseline, {report['baseline']['meaning']}: {baseline['uf1']:.3f}/{baseline['uar']:.3f}")
    for name, score in report.get("shuffled_labels", {}).items():
        lines.append(f"({name}) shuffled labels: {score['uf1']:.3f}/{score['uar']:.3f}")
    return lines


def write_report(report: dict[str, Any], out: Path) -> None:
    """loso.json, loso.csv (protocol, model, part, UF1, UAR), subjects.csv, loso.png."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "loso.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    with (out / "loso.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["protocol", "meaning", "model", "part", "clips", "uf1", "uar", "uf1_sd", "uar_sd"])
        for name, protocol in report["protocols"].items():
            for model in ("single", "ensemble"):
                for part, score in protocol[model].items():
                    spread = [f"{score[key]:.4f}" if key in score else "" for key in ("uf1_sd", "uar_sd")]
                    writer.writerow(
                        [
                            name,
                            protocol["meaning"],
                            model,
                            part,
                            score["clips"],
                            f"{score['uf1']:.4f}",
                            f"{score['uar']:.4f}",
                            *spread,
                        ]
                    )
        for part, score in report["baseline"]["scores"].items():
            figures = [f"{score['uf1']:.4f}", f"{score['uar']:.4f}", "", ""]
            writer.writerow(["", report["baseline"]["meaning"], "baseline", part, score["clips"], *figures])
        for name, score in report.get("shuffled_labels", {}).items():
            writer.writerow(
                [
                    name,
                    f"shuffled labels, {PROTOCOLS[name]}",
                    "single",
                    "full",
                    report["clips"],
                    f"{score['uf1']:.4f}",
                    f"{score['uar']:.4f}",
                    "",
                    "",
                ]
            )
    with (out / "subjects.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, fieldnames=["subject", "clips", "right_b_ensemble"])
        table.writeheader()
        table.writerows(report["per_subject"])
    plot(report, out / "loso.png")


def plot(report: dict[str, Any], path: Path) -> None:
    """Protocols as bars with the interval by subject, and the confusion matrix of the honest one."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (bars, matrix) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    rows = []
    for name, protocol in report["protocols"].items():
        score, interval = protocol["single"]["full"]["uf1"], protocol["single_interval_95_by_subject"]["uf1"]
        rows.append((f"({name}) {protocol['meaning']}", score, interval))
    baseline = report["baseline"]
    rows.append((baseline["meaning"], baseline["scores"]["full"]["uf1"], baseline["interval_95_by_subject"]["uf1"]))
    for name, shuffled in report.get("shuffled_labels", {}).items():
        rows.append((f"shuffled labels, ({name})", shuffled["uf1"], None))
    for place, (_, score, interval) in enumerate(rows):
        bars.barh(place, score, color="0.75" if interval is None else "C0", height=0.6)
        if interval is not None:
            bars.plot(interval, [place, place], color="black", linewidth=1.5)
        bars.text(0.02, place, f"{score:.3f}", va="center", fontsize=8)
    bars.set_yticks(range(len(rows)), ["\n".join(textwrap.wrap(row[0], 34)) for row in rows], fontsize=7)
    bars.set_xlim(0, 1)
    bars.set_xlabel("UF1, single model, mean over seeds; line: 95 % interval by subject")
    draw_confusion(matrix, report["protocols"]["b"]["confusion_of_ensemble"]["full"], report["classes"])
    matrix.set_xlabel("predicted, (b), ensemble")
    figure.savefig(path, dpi=90)
    pyplot.close(figure)
