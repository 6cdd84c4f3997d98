"""A clip of pixels -> pictures of rest and movement."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from face.clip.limits import ClipLimits
from face.errors import NoFace
from face.landmarks.found_face import Face
from face.landmarks.landmarker import FaceLandmarker
from face.palsy.assessment.fitted import fitted_numbers
from service.analysis.palsy_clip import examine_palsy_clip
from service.clips.decoding import Clip, ClipDecoder
from tests.clip_factory import h264_clip, moving_pictures
from tests.face.clip.curves.simulated import unit_movement

Rgb = npt.NDArray[np.uint8]

BROWS = (105, 334)
PER_S, SECONDS, START_S = 15, 5, 2.0


def with_brows_lifted(rgb: Rgb, face: Face, amount: float) -> Rgb:
    """Both brows higher by `amount` times a sixth of the distance of the eyes, and what is around them along."""
    rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]].astype(np.float32)
    lift = np.zeros(rgb.shape[:2], np.float32)
    for brow in BROWS:
        x, y = face.points[brow, :2]
        apart = ((columns - x) / (0.35 * face.interocular_px)) ** 2 + ((rows - y) / (0.25 * face.interocular_px)) ** 2
        lift = np.maximum(lift, np.exp(-apart / 2))
    moved = rows + np.float32(amount * face.interocular_px / 6) * lift
    return np.asarray(cv2.remap(rgb, columns, moved, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


@pytest.fixture(scope="module")
def clip(astronaut_rgb: Rgb, face_landmarker: FaceLandmarker) -> Clip:
    rgb = np.ascontiguousarray(astronaut_rgb[:320, 64:384])
    (face,) = face_landmarker.detect(rgb)
    times = np.arange(SECONDS * PER_S) / PER_S
    level = unit_movement(times, start_s=START_S, rise_s=0.5, hold_s=0.8, fall_s=0.5)
    pictures = [with_brows_lifted(rgb, face, float(amount)) for amount in level]
    return Clip.of(h264_clip(pictures, durations=[600 // PER_S] * len(pictures)), limits=ClipLimits())


def test_rest_and_movement_become_pictures(clip: Clip, face_landmarker: FaceLandmarker) -> None:
    told: list[tuple[str, float]] = []
    examined = examine_palsy_clip(
        clip,
        ClipDecoder(),
        face_landmarker,
        numbers=fitted_numbers(),
        tell=lambda stage, done: told.append((stage, done)),
    )
    assert set(examined.stills) == {"rest", "brow_lift"}
    movement = examined.examination.chosen["brow_lift"]
    assert START_S + 0.5 - 0.2 <= movement.apex_s <= START_S + 1.3 + 0.2
    assert not START_S < examined.examination.rest_s < START_S + 1.8
    rest, lifted = (
        cv2.imdecode(np.frombuffer(examined.stills[pose], np.uint8), cv2.IMREAD_COLOR) for pose in ("rest", "brow_lift")
    )
    assert rest.shape == lifted.shape == (320, 320, 3)
    assert np.abs(rest.astype(int) - lifted.astype(int)).max() > 60
    assert told[-2:] == [("pictures", 0.5), ("pictures", 1.0)]
    followed = [done for stage, done in told if stage == "movements"]
    assert followed == sorted(followed)
    assert followed[-1] == pytest.approx(1, abs=0.02)


def test_a_clip_without_a_face_is_refused(face_landmarker: FaceLandmarker) -> None:
    clip = Clip.of(h264_clip(moving_pictures(20)), limits=ClipLimits())
    with pytest.raises(NoFace, match="seen in 0 of 20 pictures of the clip"):
        examine_palsy_clip(clip, ClipDecoder(), face_landmarker, numbers=fitted_numbers())
