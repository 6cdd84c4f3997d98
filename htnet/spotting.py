"""`htnet microexpression spot`: the movements of a clip, as a table, JSON and a picture of the curve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from face.vocabulary import FacePolicy
from model_training.command_options import progress_bar, refuse_given
from model_training.errors import UserError

if TYPE_CHECKING:
    from service.api.schemas.microexpression_clip import MicroexpressionClipAnswer

ANSWER_FILE, CURVE_FILE = "clip.json", "curve.png"


def spot_command(
    context: typer.Context,
    clip: Annotated[
        Path, typer.Argument(help="A clip (MP4, MOV, WebM), or the folder of its pictures, numbered in their order.")
    ],
    fps: Annotated[
        float | None, typer.Option(min=0.1, max=250, help="Pictures a second of a folder; a clip says it itself.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help=f"Folder for {ANSWER_FILE} and {CURVE_FILE}; without it, only the table.")
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(
            envvar="HTNET_MODELS_DIR", help="Folder of bundles, or one bundle; what `htnet serve` would serve."
        ),
    ] = None,
    faces: Annotated[
        FacePolicy, typer.Option(help="`single`: several faces are an error; `largest`: follow the largest one.")
    ] = "single",
    mirrored: Annotated[bool, typer.Option("--mirrored", help="The camera swapped left and right.")] = False,
) -> None:
    """When a face moved in a clip, and what each movement looks like: what `POST /v1/microexpression/clip` answers.

    Example: `htnet microexpression spot visit.mp4 --out runs/visit`, or of pictures: `htnet microexpression spot
    runs/frames --fps 200`
    """
    from face.errors import NoImages, PreprocessingError
    from face.whole_file import write_text
    from service.analysis.models import find_bundles
    from service.config import shipped_models_dir
    from service.inference.bundle import load_bundle
    from service.inference.errors import BundleError
    from service.report.spotted_clip import spot_path

    if clip.is_dir() and fps is None:
        raise UserError(f"{clip} is a folder of pictures: say with --fps how many a second were taken")
    if not clip.is_dir():
        refuse_given(
            context, "fps", why=f"{clip} is no folder, and a clip says itself how many pictures a second it has"
        )
    try:
        bundles = [load_bundle(folder) for folder in find_bundles(models or shipped_models_dir())]
        bundle = next((one for one in bundles if one.manifest.task == "microexpression"), bundles[0])
        with progress_bar("spot", total=200) as bar:
            # The frames are found first, then measured.
            answer = spot_path(
                clip,
                bundle,
                fps=fps,
                faces=faces,
                mirrored=mirrored,
                tell=lambda stage, done: bar.at(round(100 * (done + (stage == "motion"))), 200),
            )
    except (NoImages, BundleError, PreprocessingError) as error:
        raise UserError(str(error)) from error
    for line in table(answer):
        typer.echo(line)
    if out is not None:
        write_text(answer.model_dump_json(indent=1, by_alias=True) + "\n", out / ANSWER_FILE)
        draw_curve(answer, out / CURVE_FILE)
        typer.echo(f"the answer: {out / ANSWER_FILE}; the curve: {out / CURVE_FILE}")


def table(answer: MicroexpressionClipAnswer) -> list[str]:
    """A line for each event, and the warnings."""
    lines = [f"{'onset s':>8}{'apex s':>8}{'offset s':>9}  {'movement':<11}{'emotion':<10}{'probability':>11}"]
    for event in answer.events:
        label, probability = event.emotion.label or "-", event.emotion.probability
        shown = "-" if probability is None else f"{probability:.2f}"
        lines.append(
            f"{event.onset.t_s:>8.2f}{event.apex.t_s:>8.2f}{event.offset.t_s:>9.2f}  {event.movement_kind:<11}"
            f"{label:<10}{shown:>11}"
        )
        lines += [f"  {warning}" for warning in event.warnings]
    if not answer.events:
        lines = [f"nothing moved in {len(answer.curve.t_s)} frames"]
    return lines + [f"- {warning}" for warning in answer.quality.warnings]


def draw_curve(answer: MicroexpressionClipAnswer, path: Path) -> None:
    """The motion over time, the rest grey, each event a band with its name at the apex."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    times, motion = answer.curve.t_s, [float("nan") if one is None else one for one in answer.curve.motion]
    axes.axvspan(answer.rest.start.t_s, answer.rest.end.t_s, color="0.85", label="rest")
    for event in answer.events:
        axes.axvspan(event.onset.t_s, event.offset.t_s, color="tab:orange", alpha=0.25)
        name = event.emotion.label or event.movement_kind
        axes.annotate(name, (event.apex.t_s, motion[event.apex.frame]), ha="center", va="bottom", fontsize=8)
    axes.plot(times, motion, color="tab:blue")
    axes.set(xlabel="s", ylabel="motion, % of the distance\nof the eyes", xlim=(times[0], times[-1]))
    axes.set_ylim(bottom=0)
    axes.margins(y=0.15)
    axes.legend(loc="upper right", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
