"""LOSO results -> tables: JSON with everything, CSV for people, a PNG of the protocols and confusion matrices."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from model_training.microexpression.loso import PROTOCOLS, LosoResult, choose
from model_training.microexpression.metrics import (
    composite_scores,
    confusion,
    paired_bootstrap,
    scores_of,
    subject_bootstrap,
)
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
    """One protocol: (N, classes) a seed -> scores of single models and of their averaged ensemble, interval,
    confusion."""
    classes = len(data.class_names)
    single = [composite_scores(one.argmax(-1), labels, data.datasets, classes) for one in probabilities]
    ensemble = np.mean(probabilities, axis=0).argmax(-1)
    first = probabilities[0].argmax(-1)
    return {
        "seeds": single,
        "single": mean_and_spread(single),
        "single_interval_95_by_subject": subject_bootstrap(first, labels, data.subjects, classes=classes),
        "ensemble": composite_scores(ensemble, labels, data.datasets, classes),
        "ensemble_interval_95_by_subject": subject_bootstrap(ensemble, labels, data.subjects, classes=classes),
        "confusion_of_ensemble": confusion(ensemble, labels, classes).tolist(),
    }


def loso_report(
    results: list[LosoResult],
    held_out: list[LosoResult],
    shuffled: list[LosoResult],
    data: FlowImages,
    *,
    configurations_tried: int,
    about: dict[str, Any],
) -> dict[str, Any]:
    """All protocols side by side. `held_out`, `shuffled` may be empty lists; what was not run is not in the report."""
    subject = data.subject_index()
    report: dict[str, Any] = {
        "about": about,
        "clips": len(data),
        "subjects": len(data.subject_names),
        "classes": list(data.class_names),
        "configurations_tried": configurations_tried,
        "protocols": {},
    }
    runs = {"a": results, "b": results, "c": held_out}
    chosen = {}
    for protocol, meaning in PROTOCOLS.items():
        if runs[protocol]:
            chosen[protocol] = [choose(result, subject, protocol) for result in runs[protocol]]
            report["protocols"][protocol] = {"meaning": meaning, **protocol_report(chosen[protocol], data, data.labels)}
    if shuffled:
        report["shuffled_labels"] = {}
        for protocol in ("a", "b"):
            scores = [
                scores_of(confusion(choose(one, subject, protocol).argmax(-1), one.labels, len(data.class_names)))
                for one in shuffled
            ]
            report["shuffled_labels"][protocol] = {
                "uf1": float(np.mean([score[0] for score in scores])),
                "uar": float(np.mean([score[1] for score in scores])),
                "chance_uar": 1 / len(data.class_names),
            }  # fmt: skip
    single, ensemble = chosen["b"][0].argmax(-1), np.mean(chosen["b"], axis=0).argmax(-1)
    if len(results) > 1:
        report["ensemble_minus_single_uf1"] = paired_bootstrap(
            single, ensemble, data.labels, data.subjects, classes=len(data.class_names)
        )
    report["per_subject"] = [
        {
            "subject": name,
            "clips": int((data.subjects == name).sum()),
            "right_b_ensemble": int((ensemble == data.labels)[data.subjects == name].sum()),
        }
        for name in data.subject_names
    ]
    return report


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
        score, interval = protocol["ensemble"]["full"]["uf1"], protocol["ensemble_interval_95_by_subject"]["uf1"]
        rows.append((f"({name}) {protocol['meaning']}", score, interval))
    for name, shuffled in report.get("shuffled_labels", {}).items():
        rows.append((f"shuffled labels, ({name})", shuffled["uf1"], None))
    for place, (_, score, interval) in enumerate(rows):
        bars.barh(place, score, color="0.75" if interval is None else "C0", height=0.6)
        if interval is not None:
            bars.plot(interval, [place, place], color="black", linewidth=1.5)
        bars.text(0.02, place, f"{score:.3f}", va="center", fontsize=8)
    bars.set_yticks(range(len(rows)), [row[0].replace(" (the", "\n(the") for row in rows], fontsize=7)
    bars.set_xlim(0, 1)
    bars.set_xlabel("UF1, ensemble; line: 95 % interval by subject")
    counts = np.array(report["protocols"]["b"]["confusion_of_ensemble"])
    matrix.imshow(counts / counts.sum(1, keepdims=True), cmap="Blues", vmin=0, vmax=1)
    for row in range(len(counts)):
        for column in range(len(counts)):
            matrix.text(column, row, counts[row, column], ha="center", va="center", fontsize=9)
    names = report["classes"]
    matrix.set_xticks(range(len(names)), names, fontsize=8)
    matrix.set_yticks(range(len(names)), names, fontsize=8)
    matrix.set_xlabel("predicted, protocol (b)")
    matrix.set_ylabel("true")
    figure.savefig(path, dpi=90)
    pyplot.close(figure)
