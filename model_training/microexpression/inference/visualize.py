"""What a micro-expression model saw between two frames, as one sheet: both frames, the motion on the apex, the flow
image that the network reads, movement by region, and the answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from face.microexpression.reading import ReadPair
from face.photograph import Photograph
from face.whole_file import whole_file

CHANNELS = ("u: to the right", "v: downwards", "strain: how far skin is stretched")


def draw_pair(read: ReadPair, onset: Photograph, apex: Photograph, target: Path) -> None:
    """The sheet as a PNG."""
    figure = Figure(figsize=(13, 6.2), layout="constrained")
    axes = list(figure.subplots(2, 4).flat)
    for place, frame, name in ((axes[0], onset, "onset"), (axes[1], apex, "apex")):
        place.imshow(frame.rgb)
        place.set_title(name, fontsize=9)
        _crop(place, frame)
    _motion(axes[2], read, apex)
    _regions(axes[3], read)
    for place, channel, name in zip(axes[4:7], read.made.tensors["flow"], CHANNELS, strict=True):
        place.imshow(channel, cmap="gray", vmin=0, vmax=255)
        place.set_title(name, fontsize=9)
        place.axis("off")
    _probabilities(axes[7], read)
    figure.suptitle(heading(read), fontsize=10)
    FigureCanvasAgg(figure)
    with whole_file(target) as temporary:
        figure.savefig(temporary, dpi=110)


def heading(read: ReadPair) -> str:
    """The answer in a line, and the reason where no emotion is named."""
    moved = read.made.moved
    said = f"movement: {moved.kind}, reliability {moved.reliability:.2f}"
    if read.label is None or read.probability is None:
        return f"no emotion is named ({said})"
    return f"{read.label} ({read.probability:.0%}); {said}"


def _motion(axes: Any, read: ReadPair, apex: Photograph) -> None:
    height, width = apex.rgb.shape[:2]
    motion = read.made.motion_on_apex(width=width, height=height)
    top = max(float(motion.max()), 1e-6)
    axes.imshow(apex.rgb)
    axes.imshow(motion, cmap="inferno", vmin=0, vmax=top, alpha=np.clip(motion / top, 0, 1) * 0.75)
    axes.set_title(f"motion, up to {top:.1f} % of the eyes' distance", fontsize=9)
    _crop(axes, apex)


def _regions(axes: Any, read: ReadPair) -> None:
    regions = read.made.moved.regions
    axes.barh([name.replace("_", " ") for name in regions], list(regions.values()), color="tab:blue")
    axes.set_title("by region, % of the eyes' distance", fontsize=9)
    axes.tick_params(labelsize=8)


def _probabilities(axes: Any, read: ReadPair) -> None:
    """Grey where they are of a motion that is no expression."""
    colour = "lightgrey" if read.label is None else "tab:orange"
    axes.barh(list(read.probabilities), list(read.probabilities.values()), color=colour)
    axes.set_xlim(0, 1)
    axes.set_title("what the motion would be, if an expression", fontsize=9)
    axes.tick_params(labelsize=8)


def _crop(axes: Any, frame: Photograph) -> None:
    points = frame.face.points[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, 0.8 * (high - low).max()
    height, width = frame.rgb.shape[:2]
    axes.set_xlim(max(middle[0] - half, 0), min(middle[0] + half, width))
    axes.set_ylim(min(middle[1] + half, height), max(middle[1] - half, 0))
    axes.axis("off")
