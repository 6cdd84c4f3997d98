"""TV-L1 for training data: known motions, batches, borders."""

import cv2
import numpy as np
import pytest

from model_training.microexpression.simulation.tvl1 import TvL1Parameters, tvl1_flow

HEIGHT, WIDTH = 90, 72
FEW = TvL1Parameters(medians=1, iterations=20)


@pytest.fixture(scope="module")
def texture():
    noise = np.random.default_rng(0).normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return (128 + 45 * smooth / smooth.std()).clip(0, 255).astype(np.float32)


def moved(image, field):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return cv2.remap(
        image, columns - field[..., 0], rows - field[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )


def test_shifts_give_their_field_each_pair_its_own(texture):
    shifts = np.array([[0.8, -0.5], [-1.6, 0.0], [0.0, 0.0]], np.float32)
    fields = np.broadcast_to(shifts[:, None, None], (3, HEIGHT, WIDTH, 2))
    flow = tvl1_flow(np.stack([texture] * 3), np.stack([moved(texture, field) for field in fields]), FEW)
    assert np.abs(flow - fields)[:, 8:-8, 8:-8].mean(axis=(1, 2, 3)).max() < 0.1
    assert np.abs(flow[2]).max() < 1e-3


def test_a_local_movement_is_found_where_it_is(texture):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    bump = np.exp(-(((columns - 24) / 8) ** 2 + ((rows - 60) / 8) ** 2) / 2)
    field = np.dstack([np.zeros_like(bump), -1.5 * bump]).astype(np.float32)
    flow = tvl1_flow(texture[None], moved(texture, field)[None], FEW)[0]
    assert abs(flow[60, 24, 1] + 1.5) < 0.4
    assert np.abs(flow[10:30, 45:65]).mean() < 0.05


def test_shapes_and_parameters_are_checked(texture):
    with pytest.raises(ValueError, match="both be"):
        tvl1_flow(texture[None], texture, FEW)
    with pytest.raises(ValueError, match="positive"):
        TvL1Parameters(attachment=0)
