"""Clips of an examination: the simulated patient of the tutorial, whose pictures pass into each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from tests.clip_factory import Picture, webm_clip
from tests.face.clip.curves.simulated import unit_movement
from tests.service.api.write_assessment_example import PATIENT

PER_S, FIRST_S, EACH_S = 12.0, 1.0, 2.2
RISE_S, HOLD_S = 0.4, 0.7


def start_of(place: int) -> float:
    """When the movement of this place begins; it is full from RISE_S to RISE_S + HOLD_S later."""
    return FIRST_S + place * EACH_S


def examination_pictures(poses: Sequence[str], *, side_px: int = 320) -> list[Picture]:
    rest, *moved = (_picture(pose, side_px) for pose in ("rest", *poses))
    times = np.arange(0, start_of(len(poses)), 1 / PER_S)
    frames = np.repeat(rest[None], len(times), axis=0)
    for place, picture in enumerate(moved):
        level = unit_movement(times, start_s=start_of(place), rise_s=RISE_S, hold_s=HOLD_S, fall_s=0.4)
        frames += level[:, None, None, None] * (picture - rest)
    return list(frames.round().clip(16, 235).astype(np.uint8))


def examination_clip(folder: Path, poses: Sequence[str], *, mirrored: bool = False) -> bytes:
    frames = examination_pictures(poses)
    return webm_clip(folder, [np.ascontiguousarray(one[:, ::-1]) if mirrored else one for one in frames], fps=PER_S)


def _picture(pose: str, side_px: int) -> np.ndarray:
    bgr = cv2.imread(str(PATIENT / f"{pose}.jpg"))
    assert bgr is not None
    small = cv2.resize(bgr, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2RGB).astype(np.float64)
