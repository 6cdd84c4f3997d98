from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from face.frame.alignment import AlignedFace, align_face
from face.frame.regions import region_polygons
from face.landmarks.landmarker import FaceLandmarker
from service.heatmaps.overlay import mosaic_overlay, overlay_size, photo_overlay
from service.heatmaps.palette_png import MAX_ALPHA, colour_table, encode_palette_png
from tests.onnx_factory import left_mouth_map


def rgba(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        return np.asarray(image.convert("RGBA"))


def test_the_palette_survives_the_png() -> None:
    strength = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(rgba(encode_palette_png(strength)).reshape(256, 4), colour_table())


def test_a_second_decoder_reads_the_same_colours() -> None:
    strength = np.arange(256, dtype=np.uint8).reshape(16, 16)
    decoded = cv2.imdecode(np.frombuffer(encode_palette_png(strength), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(decoded.reshape(256, 4)[:, [2, 1, 0, 3]], colour_table())


def test_colours_rise_in_lightness_and_opacity() -> None:
    table = colour_table().astype(float)
    lightness = table[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) >= -1).all()
    assert lightness[-1] - lightness[0] > 200
    assert table[0, 3] == 0
    assert table[-1, 3] == round(255 * MAX_ALPHA)


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 2), np.float32), np.zeros((2, 2, 3), np.uint8), np.zeros((0, 2), np.uint8)]
)
def test_only_grey_bytes_are_encoded(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        encode_palette_png(bad)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((512, 512), (512, 512)), ((1280, 960), (768, 576)), ((960, 1280), (576, 768)), ((20000, 10), (768, 1))],
)
def test_an_overlay_has_the_photographs_shape(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert overlay_size(*size, max_side_px=768) == expected


def test_values_beyond_the_scale_look_like_its_end() -> None:
    overlay = photo_overlay(np.array([[-1.0, 0.0, 0.5, 1.0, 7.0]], np.float32), full_scale=1.0)
    alpha = rgba(overlay.data)[0, :, 3]
    assert alpha[0] == alpha[1] == 0
    assert 0 < alpha[2] < alpha[3] == alpha[4]
    with pytest.raises(ValueError, match="full_scale"):
        photo_overlay(np.zeros((1, 1), np.float32), full_scale=0.0)


@pytest.fixture(scope="module")
def aligned() -> AlignedFace:
    photo = skimage.data.astronaut()
    with FaceLandmarker() as landmarker:
        return align_face(photo, landmarker.detect(photo)[0])


def heat_centre(aligned: AlignedFace, *, max_side_px: int) -> tuple[np.ndarray, int]:
    overlay = mosaic_overlay(left_mouth_map(), aligned, width=512, height=512, full_scale=1.0, max_side_px=max_side_px)
    rows, columns = np.nonzero(rgba(overlay.data)[..., 3] > 100)
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5]), overlay.width


def test_heat_on_the_left_mouth_corner_lies_in_the_left_lip_region(aligned: AlignedFace) -> None:
    centre, width = heat_centre(aligned, max_side_px=768)
    assert width == 512
    polygon = region_polygons(aligned)["left_lip"].astype(np.float32)
    assert cv2.pointPolygonTest(polygon, (float(centre[0]), float(centre[1])), False) > 0


def test_a_reduced_overlay_lies_on_the_same_place(aligned: AlignedFace) -> None:
    full, _ = heat_centre(aligned, max_side_px=768)
    reduced, width = heat_centre(aligned, max_side_px=256)
    assert width == 256
    np.testing.assert_allclose(2 * reduced, full, atol=1.0)
