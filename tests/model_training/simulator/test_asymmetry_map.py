from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model_training.data.producer import RowRefused
from model_training.palsy.cached_sample import read_asymmetry_map
from model_training.simulator.asymmetry_map import (
    MAP_SIZE_PX,
    MAP_UNIT,
    encode_map,
    render_asymmetry,
    vertex_asymmetry,
)
from model_training.simulator.head.anatomy import landmark_vertices
from model_training.simulator.head.head import Head
from model_training.simulator.render.camera import Camera
from model_training.simulator.render.renderer import Renderer


@pytest.fixture(scope="module")
def symmetric_face(head: Head) -> np.ndarray:
    mirrored = head.mean[head.mirror_vertex] * np.array([-1, 1, 1], np.float32)
    return (head.mean + mirrored) / 2


def test_symmetric_face_has_an_empty_map(renderer: Renderer, symmetric_face: np.ndarray) -> None:
    assert vertex_asymmetry(renderer.head, symmetric_face).max() < 1e-5
    # The pose of the head is no asymmetry.
    drawn = render_asymmetry(renderer, symmetric_face, Camera(yaw_deg=20, roll_deg=10))
    assert drawn.shape == (MAP_SIZE_PX, MAP_SIZE_PX)
    assert drawn.max() < 1e-5


def test_one_moved_mouth_corner_shows_at_both_corners_with_its_length(
    renderer: Renderer, symmetric_face: np.ndarray
) -> None:
    head = renderer.head
    points = landmark_vertices(head)
    moved = symmetric_face.copy()
    offset = moved - moved[points["commissure_left"]]
    weight = np.exp(-(offset**2).sum(axis=1) / (2 * 0.008**2))[:, None]
    moved += weight * np.array([0.003, 0, 0.004], np.float32)  # 5 mm
    expected = 0.005 / head.interocular_m(moved)

    camera = Camera()
    drawn = render_asymmetry(renderer, moved, camera)
    pixels = camera.project(head, moved, size_px=MAP_SIZE_PX)
    for name in ("commissure_left", "commissure_right"):
        x, y = np.floor(pixels[points[name], :2]).astype(int)
        assert drawn[y - 1 : y + 2, x - 1 : x + 2].max() == pytest.approx(expected, rel=0.1), name
    brow_x, brow_y = np.floor(pixels[points["middle_brow_left"], :2]).astype(int)
    assert drawn[brow_y, brow_x] < 0.02 * expected
    assert drawn.max() < 1.02 * expected
    assert drawn[:3].max() == 0


def test_a_mirrored_face_has_the_mirrored_map(renderer: Renderer) -> None:
    head = renderer.head
    face = head.deform(head.mean, {"mouthSmileLeft": 0.8, "browOuterUpRight": 1.0})
    mirrored = face[head.mirror_vertex] * np.array([-1, 1, 1], np.float32)
    drawn = render_asymmetry(renderer, face, Camera(yaw_deg=10))
    flipped = render_asymmetry(renderer, mirrored, Camera(yaw_deg=-10))[:, ::-1]
    assert np.corrcoef(drawn.ravel(), flipped.ravel())[0, 1] > 0.995


def test_the_cache_reads_the_values_that_were_drawn(tmp_path: Path) -> None:
    values = np.linspace(0, 0.6, 48, dtype=np.float32).reshape(6, 8)
    path = tmp_path / "map.png"
    path.write_bytes(encode_map(values))
    np.testing.assert_allclose(read_asymmetry_map(path, unit=MAP_UNIT, width=8, height=6), values, atol=MAP_UNIT)
    path.write_bytes(b"no png")
    with pytest.raises(RowRefused, match="16-bit"):
        read_asymmetry_map(path, unit=MAP_UNIT, width=8, height=6)
