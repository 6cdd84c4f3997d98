"""Known motions give the known field."""

import numpy as np
import pytest

from face.microexpression.flow import (
    DisParameters,
    dis_flow,
    flow_image,
    match_exposure,
    optical_strain,
)
from face.microexpression.head_motion import head_motion, similarity_field

HEIGHT, WIDTH = 180, 144


@pytest.fixture(scope="module")
def texture() -> np.ndarray:
    import cv2

    noise = np.random.default_rng(0).normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return (128 + 45 * smooth / smooth.std()).clip(0, 255).astype(np.float32)


def moved(image: np.ndarray, field: np.ndarray) -> np.ndarray:
    import cv2

    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return cv2.remap(
        image, columns - field[..., 0], rows - field[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )


def similarity(*, shift=(0.0, 0.0), turn=0.0, stretch=0.0) -> np.ndarray:
    matrix = np.array([[1 + stretch, -turn, 0], [turn, 1 + stretch, 0]], float)
    centre = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    matrix[:, 2] = np.array(shift) + centre - matrix[:, :2] @ centre
    return matrix


@pytest.mark.parametrize(
    "motion",
    [
        {"shift": (1.5, -0.8)},
        {"turn": 0.015},
        {"stretch": 0.012},
        {"shift": (-0.6, 0.4), "turn": -0.01, "stretch": 0.008},
    ],
)
def test_shift_rotation_and_stretch_give_their_field_and_their_matrix(texture, motion):
    matrix = similarity(**motion)
    field = similarity_field(matrix, width=WIDTH, height=HEIGHT)
    flow = dis_flow(texture, moved(texture, field), DisParameters())
    inner = (slice(15, -15), slice(15, -15))
    assert np.abs(flow - field)[inner].mean() < 0.12
    found = head_motion(flow, np.ones((HEIGHT, WIDTH), np.float32)).field
    assert np.abs(found - field)[inner].max() < 0.15


def test_a_local_movement_is_not_taken_for_the_head(texture):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    bump = np.exp(-(((columns - 45) / 14) ** 2 + ((rows - 130) / 14) ** 2) / 2)
    local = np.dstack([np.zeros_like(bump), -2.5 * bump]).astype(np.float32)
    head = similarity_field(similarity(shift=(0.8, 0.3)), width=WIDTH, height=HEIGHT)
    flow = dis_flow(texture, moved(texture, local + head), DisParameters())
    left = flow - head_motion(flow, np.ones((HEIGHT, WIDTH), np.float32)).field
    assert abs(left[130, 45, 1] + 2.5) < 0.4
    assert np.abs(left[30:60, 90:130]).mean() < 0.12


def test_strain_of_shift_and_rotation_is_nothing_and_of_stretch_is_known():
    for motion, expected in (({"shift": (3, 1)}, 0.0), ({"turn": 0.02}, 0.0), ({"stretch": 0.02}, 0.02 * np.sqrt(2))):
        field = similarity_field(similarity(**motion), width=WIDTH, height=HEIGHT)
        np.testing.assert_allclose(optical_strain(field), expected, atol=1e-5)


def test_exposure_of_the_apex_is_matched(texture):
    ramp = np.linspace(0.7, 1.1, WIDTH, dtype=np.float32)[None]
    mask = np.ones_like(texture)
    matched = match_exposure(texture * ramp + 12, texture, mask, window_px=36)
    assert np.abs(matched - texture).mean() < 0.5 * np.abs(texture * ramp + 12 - texture).mean()


def test_the_flow_image_is_scaled_per_channel():
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    field = np.dstack([np.sin(columns / 20), np.cos(rows / 30)]).astype(np.float32)
    image = flow_image(field)
    assert image.shape == (28, 28, 3)
    assert image.dtype == np.uint8
    assert (image.min((0, 1)) == 0).all()
    assert (image.max((0, 1)) == 255).all()


def test_no_motion_has_no_flow_image(texture):
    same = dis_flow(texture, texture, DisParameters())
    assert not same.any()
    with pytest.raises(ValueError, match="no motion"):
        flow_image(same)
