"""What the model saw and where, on the photograph: face, four regions, ROI maps, asymmetry map, attention."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from torch import Tensor

from face.errors import PreprocessingError
from face.frame.regions import mosaic_map_to_photo, region_polygons
from face.palsy.reading import ReadPhotograph
from face.vocabulary import REGIONS_OF_INTEREST
from face.whole_file import whole_file
from model_training.errors import Interrupted, TrainingError
from model_training.palsy.inference.given_images import given_images
from model_training.palsy.inference.grader import Grader

Map = npt.NDArray[np.float32]


def visualize_files(
    given: list[Path],
    checkpoint: Path,
    out: Path,
    *,
    device: str = "cpu",
    roi_threshold: float = 0.0,
    say: Callable[[str], None] = print,
    progress: Callable[[int, int], object] | None = None,
) -> list[Path]:
    """One PNG an image; says each one's place, or why there is none. Returns the places. progress: called with (images
    done, all).

    Raises TrainingError where not one image could be graded, Interrupted on Ctrl-C (the finished sheets are kept).
    """
    images = given_images(given)
    written: list[Path] = []
    refused = ""
    with Grader(checkpoint, device=device) as grader, MirrorAttentionRecorder(grader.network) as recorder:
        try:
            for number, path in enumerate(images):
                if progress is not None:
                    progress(number, len(images))
                try:
                    answer = grader.grade(path.read_bytes())
                except (PreprocessingError, OSError) as error:
                    refused = f"{path}: {error}"
                    say(f"left out: {refused}")
                    continue
                target = out / f"{number:05d}_{path.stem}.png"
                draw_sample(answer, grader.labels, recorder.share(), target, roi_threshold=roi_threshold)
                written.append(target)
                say(str(target))
        except KeyboardInterrupt:
            raise Interrupted(f"Stopped after {len(written)} of {len(images)} images; they are in {out}.") from None
    if not written:
        raise TrainingError(f"no image could be graded; the last one: {refused}")
    return written


class MirrorAttentionRecorder:
    """While it is open, keeps what goes into the finest mirror attention of an HTNetEnhanced."""

    def __init__(self, network: torch.nn.Module) -> None:
        branch = getattr(network, "image_branch", None)
        attentions = list(getattr(branch, "mirror_attention", []) or [])
        self.attention: Any = attentions[0] if attentions else None
        self.seen: Tensor | None = None

    def __enter__(self) -> MirrorAttentionRecorder:
        self.handle = self.attention.register_forward_pre_hook(self._keep) if self.attention is not None else None
        return self

    def __exit__(self, *_: object) -> None:
        if self.handle is not None:
            self.handle.remove()

    def _keep(self, _module: torch.nn.Module, arguments: tuple[Tensor, ...]) -> None:
        self.seen = arguments[0]

    @torch.inference_mode()
    def share(self) -> Map | None:
        """(rows, columns) on the mosaic, 0..1: the share of each position's attention that goes to the other half of
        the face.

        None for a network without mirror attention.
        """
        if self.attention is None or self.seen is None:
            return None
        a = self.attention
        weights = a.weights(self.seen)  # (1, 2, tiles, heads, queries, 2K): own half's keys, then the mirrored half's
        share = weights[..., weights.shape[-1] // 2 :].sum(-1).mean(3)[0]  # (2, tiles, queries)
        r, c = a.tile_rows, a.tile_columns
        share = share.view(2, a.rows // r, a.columns // c, r, c).transpose(2, 3).reshape(2, a.rows, a.columns)
        right, left = share[0].cpu().numpy(), share[1].cpu().numpy()  # the left half is stored mirrored
        return np.concatenate([right, left[:, ::-1]], axis=1).astype(np.float32)


def _heading(answer: ReadPhotograph, labels: tuple[str, ...]) -> str:
    """Where the grade is not the most probable one, a second line says why."""
    reading = answer.reading
    names = ", ".join(labels[index] for index in reading.prediction_set)
    heading = (
        f"{labels[reading.index]} ({reading.probability:.0%}), set {{{names}}}, expected {reading.expected:.1f}, "
        f"side {reading.side} ({reading.side_probability:.0%})"
    )
    likeliest = int(np.argmax(reading.probabilities))
    if likeliest != reading.index:
        heading += (
            f"\nThe grade is the median: half of the probability lies at {labels[reading.index]} or below. The most "
            f"probable single grade is {labels[likeliest]} ({reading.probabilities[likeliest]:.0%})."
        )
    return heading


def _heat(axes: Any, answer: ReadPhotograph, values: Map, title: str, *, top: float | None = None) -> None:
    """top: what the brightest colour stands for; the highest value where it is None, so that weak maps can be seen. The
    legend below tells which."""
    height, width = answer.photograph.rgb.shape[:2]
    on_photo = mosaic_map_to_photo(values.astype(np.float32), answer.made.aligned, width=width, height=height)
    top = max(float(values.max()), 1e-6) if top is None else top
    axes.imshow(answer.photograph.rgb)
    shown = axes.imshow(on_photo, cmap="inferno", vmin=0, vmax=top, alpha=np.clip(on_photo / top, 0, 1) * 0.75)
    axes.set_title(title, fontsize=8)
    colours = ScalarMappable(norm=shown.norm, cmap=shown.cmap)  # the picture's own are see-through
    legend = axes.figure.colorbar(colours, ax=axes, orientation="horizontal", fraction=0.05, pad=0.02)
    legend.ax.tick_params(labelsize=6)


def _face(axes: Any, answer: ReadPhotograph) -> None:
    axes.imshow(answer.photograph.rgb)
    for name, polygon in region_polygons(answer.made.aligned).items():
        closed = np.vstack([polygon, polygon[:1]])
        axes.plot(closed[:, 0], closed[:, 1], linewidth=1)
        axes.text(*polygon.mean(axis=0), name.replace("_", " "), fontsize=6, color="white", ha="center", va="center")
    axes.plot(*answer.photograph.face.points[:, :2].T, ".", markersize=0.6, color="cyan")
    axes.set_title("face and regions", fontsize=8)


def _crop(axes: Any, answer: ReadPhotograph) -> None:
    """Show the face with some room around it; a face can be a small part of its photograph."""
    points = answer.photograph.face.points[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, 0.8 * (high - low).max()
    height, width = answer.photograph.rgb.shape[:2]
    axes.set_xlim(max(middle[0] - half, 0), min(middle[0] + half, width))
    axes.set_ylim(min(middle[1] + half, height), max(middle[1] - half, 0))
    axes.axis("off")


def above_threshold(values: Map, threshold: float) -> Map:
    """A map in 0..1 with 0 wherever it is below the threshold."""
    return np.where(values >= threshold, values, np.float32(0))


def draw_sample(
    answer: ReadPhotograph,
    labels: tuple[str, ...],
    attention: Map | None,
    target: Path,
    *,
    roi_threshold: float = 0.0,
) -> None:
    """The whole sheet of one photograph as a PNG. roi_threshold: what a ROI map shows below it is left out."""
    maps = [
        (name.replace("_", " "), values)
        for name, values in zip(REGIONS_OF_INTEREST, answer.outputs.get("roi_maps", []), strict=False)
    ]
    figure = Figure(figsize=(12, 6.4), layout="constrained")
    axes = list(figure.subplots(2, 5).flat)
    _face(axes[0], answer)
    axes[1].imshow(answer.made.tensors["images"][0], cmap="gray", vmin=0, vmax=255)
    axes[1].set_title("four regions, as the model sees them", fontsize=8)
    axes[1].axis("off")
    if "asymmetry_map" in answer.outputs:
        _heat(axes[2], answer, answer.outputs["asymmetry_map"], "asymmetry map")
    if attention is not None:
        _heat(axes[3], answer, attention, "attention to the other half", top=1.0)
    bars = axes[4]
    bars.bar(
        labels,
        answer.reading.probabilities,
        color=["tab:orange" if i in answer.reading.prediction_set else "lightgrey" for i in range(len(labels))],
    )
    bars.set_ylim(0, 1)
    bars.set_title("probabilities (orange: prediction set)", fontsize=8)
    for place, (name, values) in zip(axes[5:], maps, strict=False):
        _heat(place, answer, above_threshold(values, roi_threshold), f"ROI {name}")
    for place in [axes[0], *axes[2:4], *axes[5:]]:
        _crop(place, answer)
    figure.suptitle(_heading(answer, labels), fontsize=10)
    _save(figure, target)


def draw_answer(answer: ReadPhotograph, labels: tuple[str, ...], target: Path) -> None:
    """Photograph with the asymmetry map and the answer above it."""
    figure = Figure(figsize=(5, 5.4), layout="constrained")
    axes = figure.subplots()
    if "asymmetry_map" in answer.outputs:
        _heat(axes, answer, answer.outputs["asymmetry_map"], "asymmetry")
    else:
        axes.imshow(answer.photograph.rgb)
    _crop(axes, answer)
    figure.suptitle(_heading(answer, labels), fontsize=8)
    _save(figure, target)


def _save(figure: Figure, target: Path) -> None:
    FigureCanvasAgg(figure)
    with whole_file(target) as temporary:
        figure.savefig(temporary, dpi=110)
