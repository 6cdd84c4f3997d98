"""The judgement of a palsy model as one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from model_training.judging.answer_plots import answer_plots, learning_plots, recall_table
from model_training.judging.meanings import BY_GROUP, WORST
from model_training.judging.page import (
    Plot,
    Report,
    Table,
    WorstError,
    as_png,
    write_page,
)

SHOWN = ("kappa", "exact", "within_one", "mae", "macro_f1", "side", "ece", "coverage", "set_size")


def write_report(
    metrics: Mapping[str, Any],
    path: Path,
    *,
    title: str,
    epochs: Sequence[Mapping[str, Any]] = (),
    worst: Sequence[WorstError] = (),
) -> None:
    """metrics: what `summarise` returns; epochs: of the run, where they are known; worst: the worst errors."""
    whole, plots = metrics["all"], answer_plots(metrics)
    if len(metrics["groups"].get("pose", {})) > 1:
        plots.append(Plot("kappa by pose", BY_GROUP, as_png(_by_group(metrics, "pose"))))
    plots += learning_plots(epochs, score="kappa")
    tables = [recall_table(metrics)]
    tables += [_group_table(column, parts) for column, parts in metrics["groups"].items()]
    report = Report(
        title=title,
        about=f"{whole['samples']} photographs of {whole['people']} people. {metrics['note']}",
        figures=whole["figures"],
        intervals=whole["intervals"],
        warnings=metrics["warnings"],
        plots=plots,
        tables=tables,
        worst=worst,
        worst_meaning=WORST,
    )
    write_page(report, path)


def _group_table(column: str, parts: Mapping[str, Any]) -> Table:
    rows = []
    for value, part in parts.items():
        cells = [value or "(not given)", str(part["samples"]), str(part["people"])]
        for name in SHOWN:
            cell = f"{part['figures'][name]:.3f}" if name in part["figures"] else ""
            if cell and name in part["intervals"]:
                low, high = part["intervals"][name]
                cell += f" ({low:.2f}–{high:.2f})"
            cells.append(cell)
        rows.append(cells)
    return Table(f"By {column}", "In brackets: the 95 % interval.", [column, "photographs", "people", *SHOWN], rows)


def _by_group(metrics: Mapping[str, Any], column: str) -> Figure:
    parts = metrics["groups"][column]
    figure = Figure(figsize=(5.6, 4.2), layout="constrained")
    axes = figure.subplots()
    for position, part in enumerate(parts.values()):
        value = part["figures"]["kappa"]
        low, high = part["intervals"].get("kappa", (value, value))
        axes.plot([position, position], [low, high], color="tab:blue")
        axes.plot(position, value, "o", color="tab:blue")
    axes.set_xticks(range(len(parts)), [name or "(not given)" for name in parts], rotation=30, ha="right", fontsize=8)
    axes.set_ylabel("quadratic weighted kappa")
    axes.set_title(f"By {column}, with 95 % intervals", fontsize=9)
    return figure
