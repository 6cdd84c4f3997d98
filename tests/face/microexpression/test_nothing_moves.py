"""Two frames between which nothing moves, however differently they were filmed, saved and framed, are no motion; small
movements under the same conditions are one."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.interpolate import LinearNDInterpolator
from skimage import data

from face.errors import NoMotion
from face.landmarks.landmarker import FaceLandmarker
from face.microexpression.input import microexpression_input
from face.microexpression.pair_motion import pair_motion
from face.microexpression.registration import FACE_OUTLINE, match_sharpness, register_pair
from face.microexpression.spec import MicroExpressionSpec
from tests.face.microexpression.test_input import BROW_RAISE, LEFT_SMILE, SMILE, warped

SPEC = MicroExpressionSpec()


@pytest.fixture(scope="module")
def landmarker():
    with FaceLandmarker() as made:
        yield made


@pytest.fixture(scope="module")
def rest(landmarker):
    rgb = data.astronaut()
    return rgb, landmarker.detect(rgb)[0]


def jpeg(rgb, quality):
    return cv2.imdecode(cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def webp(rgb, quality):
    return cv2.imdecode(cv2.imencode(".webp", rgb, [cv2.IMWRITE_WEBP_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def noisy(rgb, deviation):
    rough = np.random.default_rng(3).normal(0, deviation, rgb.shape)
    return np.clip(rgb + rough + 0.5, 0, 255).astype(np.uint8)


def lit(rgb, light):
    return np.clip(rgb * np.broadcast_to(light, rgb.shape[:2])[..., None] + 0.5, 0, 255).astype(np.uint8)


ROWS, COLUMNS = np.mgrid[:512, :512]

NOTHING = {
    "jpeg 75": lambda rgb: jpeg(rgb, 75),
    "jpeg 30": lambda rgb: jpeg(rgb, 30),
    "webp 50": lambda rgb: webp(rgb, 50),
    "noise 5": lambda rgb: noisy(rgb, 5),
    "noise 15": lambda rgb: noisy(rgb, 15),
    "out of focus": lambda rgb: cv2.GaussianBlur(rgb, (0, 0), 1.5),
    "half the size": lambda rgb: cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "brighter": lambda rgb: cv2.convertScaleAbs(rgb, alpha=1.2),
    "a reflex on the cheek": lambda rgb: lit(
        rgb, 1 + 0.35 * np.exp(-((COLUMNS - 245) ** 2 + (ROWS - 140) ** 2) / 1800)
    ),
    "a shadow across the face": lambda rgb: lit(rgb, 1 - 0.25 / (1 + np.exp((COLUMNS - 225) / 12))),
    "flicker of lamps": lambda rgb: lit(rgb, 1 + 0.06 * np.sin(ROWS / 14)),
    "framed otherwise": lambda rgb: np.ascontiguousarray(rgb[6:, 11:]),
    "camera tilted": lambda rgb: cv2.warpAffine(
        rgb, cv2.getRotationMatrix2D((230, 120), 2, 1.02), (512, 512), borderMode=cv2.BORDER_REPLICATE
    ),
}


@pytest.mark.parametrize("kind", NOTHING)
def test_another_copy_of_the_same_moment_is_no_motion(landmarker, rest, kind):
    copy = NOTHING[kind](rest[0])
    with pytest.raises(NoMotion, match="reliability is 0"):
        microexpression_input(*rest, copy, landmarker.detect(copy)[0], SPEC)


@pytest.mark.parametrize("movement", [SMILE, LEFT_SMILE, BROW_RAISE])
@pytest.mark.parametrize("kind", ["jpeg 75", "noise 5", "brighter", "flicker of lamps", "camera tilted"])
def test_a_small_movement_is_found_all_the_same(landmarker, rest, movement, kind):
    apex = NOTHING[kind](warped(*rest, movement, 2))
    made = microexpression_input(*rest, apex, landmarker.detect(apex)[0], SPEC)
    assert made.moved.reliability > 0.5
    assert made.moved.kind == "expression"


def test_pixels_beyond_a_photographs_edge_are_not_looked_at(landmarker, rest):
    rgb, face = rest
    left = int(face.points[:, 0].min() + 0.25 * face.interocular_px)
    cut = np.ascontiguousarray(rgb[:, left:])
    pair = register_pair(rgb, face, cut, landmarker.detect(cut)[0], SPEC)
    assert pair.mask[:, :5].max() == 0
    assert pair.mask[:, 40:].max() == 1
    assert pair.inside.mean() < 1


def test_the_sharper_frame_is_blurred_and_equal_ones_are_left_alone(rest):
    grey = cv2.cvtColor(rest[0], cv2.COLOR_RGB2GRAY).astype(np.float32)[:180, 150:294]
    soft = cv2.GaussianBlur(grey, (0, 0), 1.2)
    mask = np.ones_like(grey)
    first, second = match_sharpness(grey, soft, mask)
    assert second is soft
    assert np.abs(first - soft).mean() < 0.25 * np.abs(grey - soft).mean()
    assert match_sharpness(grey, grey * 1.01, mask)[0] is grey


def turned(rgb, face, across_deg, down_deg, *, relief=1.0):
    """The head turned before a background that stands still; `relief`: as deep as that many times the landmarks say."""
    height, width = rgb.shape[:2]
    mesh = face.points[:468]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    # From the middle of the relief; the mesh ends at the outline.
    depth = relief * (LinearNDInterpolator(mesh[:, :2], mesh[:, 2])(x, y) - np.median(mesh[:, 2]))
    outline = np.zeros((height, width), np.uint8)
    cv2.fillPoly(outline, [np.rint(face.points[list(FACE_OUTLINE), :2]).astype(np.int32)], 1)
    head = np.nan_to_num(depth) * cv2.GaussianBlur(outline.astype(np.float32), (0, 0), 1.5)
    # What lies deeper than the middle comes from the other side; small angles.
    across, down = (np.tan(np.deg2rad(angle)) * head for angle in (across_deg, down_deg))
    return cv2.remap(rgb, x - across.astype(np.float32), y - down.astype(np.float32), cv2.INTER_CUBIC)


@pytest.mark.parametrize("turn", [(2, 0), (-2, 0), (0, 2), (0, -2), (3, 0), (2, -2)])
def test_a_head_that_turns_before_a_still_background_is_no_motion(landmarker, rest, turn):
    rgb, face = rest
    apex = noisy(turned(rgb, face, *turn, relief=1.2), 1)
    with pytest.raises(NoMotion):
        microexpression_input(rgb, face, apex, landmarker.detect(apex)[0], SPEC)


def test_a_movement_is_found_beside_a_small_turn(landmarker, rest):
    rgb, face = rest
    apex = noisy(turned(warped(rgb, face, SMILE, 2), face, 1, 0), 1)
    made = microexpression_input(rgb, face, apex, landmarker.detect(apex)[0], SPEC)
    assert made.moved.kind == "expression"
    assert made.moved.moved > 0.5


def test_what_a_turn_may_leave_is_no_evidence(landmarker, rest):
    rgb, face = rest
    apex = turned(warped(rgb, face, SMILE, 1.5), face, 2, 0)
    seen = landmarker.detect(apex)[0]
    trusting, doubting = (
        pair_motion(rgb, face, apex, seen, replace(SPEC, turn_residue=residue)) for residue in (0.0, 0.5)
    )
    assert trusting.reliability > SPEC.sure_reliability
    assert doubting.reliability < SPEC.min_reliability
    assert doubting.moved < trusting.moved
