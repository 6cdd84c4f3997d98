"""Clips as a clinician would drop them, from the pictures of the other tests."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from tests.clip_factory import webm_clip

BROW_LIFT_APEX_S = 1.4


def brow_lift_clip(session_pictures: dict[str, Path], folder: Path) -> Path:
    """The simulated patient at rest, who lifts the brows from 1 to 2 seconds."""
    rest, lifted = (_rgb(session_pictures[name]) for name in ("rest", "brow_lift"))
    between = [cv2.addWeighted(lifted, share, rest, 1 - share, 0) for share in (0.25, 0.5, 0.75)]
    return _clip(folder, [*[rest] * 12, *between, *[lifted] * 8, *between[::-1], *[rest] * 10], fps=12.5)


def still_clip(photographs: dict[str, Path], folder: Path) -> Path:
    """A face that does not move for 0.8 s."""
    return _clip(folder, [_rgb(photographs["good"])] * 20, fps=25.0)


def moving_clip(photographs: dict[str, Path], folder: Path) -> Path:
    """The corners of its mouth go up and come down within a third of a second."""
    rest, raised = (_rgb(photographs[name]) for name in ("good", "raised"))
    shares = [0, 0.4, 0.8, 1, 1, 0.8, 0.4, 0]
    moving = [cv2.addWeighted(raised, share, rest, 1 - share, 0) for share in shares]
    return _clip(folder, [*[rest] * 20, *moving, *[rest] * 20], fps=25.0)


def _clip(folder: Path, frames: list[np.ndarray], *, fps: float) -> Path:
    data = webm_clip(folder, frames, fps=fps)
    clip = folder / "clip.webm"
    clip.write_bytes(data)
    return clip


def _rgb(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
