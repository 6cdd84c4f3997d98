"""metrics.json as one HTML file: tables and plots inside, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from face.whole_file import write_text

SHOWN = ("kappa", "exact", "within_one", "mae", "macro_f1", "side", "ece", "coverage", "set_size")

TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { border: 1px solid #d0d7de; padding: .25rem .6rem;
text-align: right; } th:first-child, td:first-child, td.name { text-align: left; } .plots img { max-width: 100%; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; } small { color: #57606a; }
</style></head><body>
<h1>{{ title }}</h1>
<p>{{ m.all.samples }} photographs of {{ m.all.people }} people. {{ m.note }}</p>
<table><tr><th>figure</th><th>value</th><th>95 % interval</th></tr>
{% for name, value in m.all.figures.items() %}<tr><td>{{ name }}</td><td>{{ "%.3f"|format(value) }}</td>
<td>{% if name in m.all.intervals %}{{ "%.3f"|format(m.all.intervals[name][0]) }} – {{
"%.3f"|format(m.all.intervals[name][1]) }}{% endif %}</td></tr> {% endfor %}</table>
<h2>Recall by class</h2>
<table><tr>{% for label in m.labels %}<th>{{ label }}</th>{% endfor %}</tr>
<tr>{% for label in m.labels %}<td>{{ "–" if m.recall[label] is none else "%.2f"|format(m.recall[label]) }}</td>{%
endfor %}</tr></table> <div class="plots">{% for name, data in plots.items() %}<img alt="{{ name }}"
src="data:image/png;base64,{{ data }}">{% endfor %}</div> {% for column, parts in m.groups.items() %}<h2>By {{ column
}}</h2> <table><tr><th>{{ column }}</th><th>photographs</th><th>people</th>{% for name in shown %}<th>{{ name }}</th>{%
endfor %}</tr> {% for value, part in parts.items() %}<tr><td class="name">{{ value or "(not given)" }}</td><td>{{
part.samples }}</td><td>{{ part.people }}</td> {% for name in shown %}<td>{% if name in part.figures %}{{
"%.3f"|format(part.figures[name]) }} {% if name in part.intervals %}<br><small>{{ "%.2f"|format(part.intervals[name][0])
}}–{{ "%.2f"|format(part.intervals[name][1]) }}</small>{% endif %} {% endif %}</td>{% endfor %}</tr>
{% endfor %}</table>{% endfor %}
</body></html>
"""


def write_report(metrics: Mapping[str, Any], path: Path, *, title: str) -> None:
    """metrics: what `summarise` returns."""
    plots = {"confusion matrix": _confusion(metrics), "reliability": _reliability(metrics)}
    if len(metrics["groups"].get("pose", {})) > 1:
        plots["kappa by pose"] = _by_group(metrics, "pose")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page = environment.from_string(TEMPLATE).render(title=title, m=metrics, plots=plots, shown=SHOWN)
    write_text(page, path)


def _png(figure: Figure) -> str:
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return base64.b64encode(buffer.getvalue()).decode()


def _confusion(metrics: Mapping[str, Any]) -> str:
    labels, matrix = metrics["labels"], metrics["confusion_matrix"]
    figure = Figure(figsize=(4.4, 4.2), layout="constrained")
    axes = figure.subplots()
    shares = [[value / max(sum(row), 1) for value in row] for row in matrix]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, values in enumerate(matrix):
        for column, value in enumerate(values):
            colour = "white" if shares[row][column] > 0.5 else "black"
            axes.text(column, row, str(value), ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title("Confusion matrix (shade: share of the true class)", fontsize=9)
    return _png(figure)


def _reliability(metrics: Mapping[str, Any]) -> str:
    bins = metrics["reliability"]["bins"]
    figure = Figure(figsize=(4.4, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    largest = max(item["count"] for item in bins)
    sizes = [20 + 180 * item["count"] / largest for item in bins]
    axes.scatter([item["confidence"] for item in bins], [item["accuracy"] for item in bins], s=sizes, alpha=0.7)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("stated probability of the grade")
    axes.set_ylabel("share that is right")
    axes.set_title(f"Reliability (ECE {metrics['reliability']['ece']:.3f}; area: photographs)", fontsize=9)
    return _png(figure)


def _by_group(metrics: Mapping[str, Any], column: str) -> str:
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
    return _png(figure)
