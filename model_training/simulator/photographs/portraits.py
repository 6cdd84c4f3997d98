"""Which pictures of a folder can carry a simulated palsy: one sharp face that looks into the camera, each picture once.

OUT/NAME.jpg          the portraits that were kept, NAME from the path under the folder
OUT.csv               every picture, and why it was left out
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from face.errors import PreprocessingError
from face.frame.quality import measure_quality
from face.image.decode import decode_image
from face.landmarks.landmarker import FaceLandmarker
from model_training.errors import TrainingError
from model_training.simulator.photographs.photograph_set import PHOTO_SUFFIXES
from model_training.simulator.photographs.warped_set import JPEG_QUALITY
from model_training.simulator.sensor import encode_jpeg

MAX_YAW_DEG, MAX_PITCH_DEG = 12.0, 20.0
MIN_FACE_WIDTH_PX, MIN_SHARPNESS = 90.0, 0.3
# Longest side of what is written; a warp takes as long as its picture is large.
MAX_SIDE_PX = 800
# Correlation of two pictures, 16x16 grey pixels each, from which on they are the same one.
_SAME_PICTURE = 0.97


def select_portraits(source: Path, out: Path, *, on_progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Copy the portraits below `source` to `out` -> (path, kept, why) of every picture, also written beside it.

    on_progress is called with (pictures done, all). TrainingError: no pictures, or none that can be kept.
    """
    files = sorted(path for path in source.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file())
    if not files:
        raise TrainingError(f"{source}: no pictures ({', '.join(PHOTO_SUFFIXES)}) in this folder or below")
    out.mkdir(parents=True, exist_ok=True)
    seen: list[npt.NDArray[np.float64]] = []
    kept: set[str] = set()
    rows: list[dict[str, str | bool]] = []
    with FaceLandmarker() as landmarker:
        for index, path in enumerate(files):
            name = "__".join(path.relative_to(source).with_suffix("").parts)
            try:
                rgb = _reduced(decode_image(path.read_bytes()).rgb)
                why = _unfit(rgb, landmarker) or _seen_before(rgb, seen)
                if not why and name in kept:
                    why = f"another picture became {name}.jpg; rename this one"
            except (PreprocessingError, OSError) as error:
                why = str(error)
            if not why:
                (out / f"{name}.jpg").write_bytes(encode_jpeg(rgb, JPEG_QUALITY))
                kept.add(name)
            rows.append({"path": str(path.relative_to(source)), "kept": not why, "why": why})
            if on_progress:
                on_progress(index + 1, len(files))
    table = pd.DataFrame(rows)
    table.to_csv(reasons_file(out), index=False)
    if not kept:
        raise TrainingError(f"{source}: none of {len(files)} pictures can be used; {reasons_file(out)} says why")
    return table


def reasons_file(out: Path) -> Path:
    return out.with_name(f"{out.name}.csv")


def _reduced(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    scale = MAX_SIDE_PX / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    return np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _unfit(rgb: npt.NDArray[np.uint8], landmarker: FaceLandmarker) -> str:
    """Why no palsy can be put on this picture and judged; empty where it can. PreprocessingError: not one face."""
    look = landmarker.look(rgb, policy="single", both_ways=True)
    if look.quarter_turns:
        return "it lies on its side or upside down"
    quality = measure_quality(rgb, look.face)
    if abs(quality.yaw_deg) > MAX_YAW_DEG or abs(quality.pitch_deg) > MAX_PITCH_DEG:
        return f"turned by {quality.yaw_deg:.0f} degrees to the side and {quality.pitch_deg:.0f} up"
    if quality.face_width_px < MIN_FACE_WIDTH_PX:
        return f"the face is {quality.face_width_px:.0f} pixels wide"
    if quality.sharpness < MIN_SHARPNESS:
        return f"sharpness {quality.sharpness:.2f}"
    if look.disagreement is None:
        return "no face found in the mirrored picture"
    return ""


def _seen_before(rgb: npt.NDArray[np.uint8], seen: list[npt.NDArray[np.float64]]) -> str:
    small = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (16, 16), interpolation=cv2.INTER_AREA).astype(float)
    small = (small - small.mean()) / max(float(small.std()), 1.0)
    if any(float((small * other).mean()) > _SAME_PICTURE for other in seen):
        return "a picture like an earlier one"
    seen.append(small)
    return ""
