"""A judgement as one HTML file: nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import jinja2
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from face.whole_file import write_text
from model_training.judging.confusion_plot import draw_confusion
from model_training.judging.meanings import MEANINGS

WORST_SHOWN = 12


@dataclass(frozen=True)
class Plot:
    """png: base64."""

    title: str
    meaning: str
    png: str


@dataclass(frozen=True)
class Table:
    """rows: cells as text, the first is a name."""

    title: str
    meaning: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class WorstError:
    """picture: PNG as base64, where the user asked for pictures."""

    sample: str
    person: str
    true: str
    answered: str
    picture: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """figures, intervals: by name, whose meaning is in `meanings`."""

    title: str
    about: str
    figures: Mapping[str, float]
    intervals: Mapping[str, Sequence[float]]
    warnings: Sequence[str] = ()
    plots: Sequence[Plot] = ()
    tables: Sequence[Table] = ()
    worst: Sequence[WorstError] = ()
    worst_meaning: str = ""
    meanings: Mapping[str, str] = field(default_factory=lambda: MEANINGS)


TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ r.title }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { border: 1px solid #d0d7de; padding: .25rem .6rem; text-align: right; vertical-align: top; }
th:first-child, td:first-child, td.text { text-align: left; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; max-width: 42rem; }
figcaption, small { color: #57606a; } img { max-width: 100%; }
.warning { border-left: 4px solid #bf8700; background: #fff8c5; padding: .4rem .8rem; margin: .6rem 0; }
.worst { display: flex; flex-wrap: wrap; gap: 1rem; } .worst figure { max-width: 15rem; }
</style></head><body>
<h1>{{ r.title }}</h1>
<p>{{ r.about }}</p>
{% for warning in r.warnings %}<p class="warning">{{ warning }}</p>
{% endfor %}
<table><tr><th>figure</th><th>value</th><th>95 % interval</th><th>what it says</th></tr>
{% for name, value in r.figures.items() %}<tr><td>{{ name }}</td><td>{{ "%.3f"|format(value) }}</td>
<td>{% if name in r.intervals %}{{ "%.3f"|format(r.intervals[name][0]) }} – {{
"%.3f"|format(r.intervals[name][1]) }}{% endif %}</td><td class="text">{{ r.meanings[name] }}</td></tr>
{% endfor %}</table>
<div class="plots">{% for plot in r.plots %}<figure><img alt="{{ plot.title }}"
src="data:image/png;base64,{{ plot.png }}">
<figcaption>{{ plot.meaning }}</figcaption></figure>{% endfor %}</div>
{% for table in r.tables %}<h2>{{ table.title }}</h2>
<p>{{ table.meaning }}</p>
<table><tr>{% for name in table.columns %}<th>{{ name }}</th>{% endfor %}</tr>
{% for row in table.rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>{% endfor %}
{% if r.worst %}<h2>Worst errors</h2>
<p>{{ r.worst_meaning }}</p>
<div class="worst">{% for error in r.worst %}<figure>{% if error.picture %}<img alt="{{ error.sample }}"
src="data:image/png;base64,{{ error.picture }}">{% endif %}
<figcaption><b>{{ error.sample }}</b>, {{ error.person }}<br>true {{ error.true }}, answered {{ error.answered
}}</figcaption></figure>{% endfor %}</div>{% endif %}
</body></html>
"""


def write_page(report: Report, path: Path) -> None:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    write_text(environment.from_string(TEMPLATE).render(r=report), path)


def as_png(figure: Figure) -> str:
    """Base64, for a Plot."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return base64.b64encode(buffer.getvalue()).decode()


def picture_png(pixels: npt.NDArray[np.uint8], *, side: int = 224) -> str:
    """(rows, columns) or (rows, columns, RGB) uint8 -> base64, at `side` pixels."""
    shown = pixels if pixels.ndim == 2 else pixels[..., ::-1]
    large = cv2.resize(np.ascontiguousarray(shown), (side, side), interpolation=cv2.INTER_NEAREST)
    return base64.b64encode(cv2.imencode(".png", large)[1].tobytes()).decode()


def confusion_figure(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> Figure:
    """Counts, rows = truth."""
    figure = Figure(figsize=(4.4, 4.2), layout="constrained")
    axes = figure.subplots()
    draw_confusion(axes, [list(row) for row in matrix], labels)
    axes.set_xlabel("predicted")
    axes.set_title("Confusion matrix", fontsize=9)
    return figure


def reliability_figure(points: Sequence[tuple[float, float, int]], *, ece: float) -> Figure:
    """points: (stated probability, share right, how many)."""
    figure = Figure(figsize=(4.4, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    largest = max(count for _, _, count in points)
    sizes = [20 + 180 * count / largest for _, _, count in points]
    axes.scatter([point[0] for point in points], [point[1] for point in points], s=sizes, alpha=0.7)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("stated probability of the answer")
    axes.set_ylabel("share that is right")
    axes.set_title(f"Reliability (ECE {ece:.3f})", fontsize=9)
    return figure
