from __future__ import annotations

import numpy as np
import pytest

from face.frame.alignment import CANONICAL_SIZE, AlignedFace, align_face
from face.frame.regions import (
    MOSAIC_SIZE,
    REGION_BOXES,
    REGION_SIZE,
    mosaic,
    mosaic_map_to_photo,
    photo_map_to_mosaic,
    photo_to_mosaic,
    region_polygons,
    regional_asymmetry,
    roi_masks,
)
from face.landmarks.found_face import Face
from face.vocabulary import OUTLINED_REGIONS, REGIONS_OF_INTEREST


@pytest.fixture(scope="module")
def aligned(astronaut_rgb: np.ndarray, astronaut_face: Face) -> AlignedFace:
    return align_face(astronaut_rgb, astronaut_face)


@pytest.fixture(scope="module")
def mirrored(astronaut_rgb: np.ndarray, astronaut_face: Face) -> AlignedFace:
    return align_face(np.ascontiguousarray(astronaut_rgb[:, ::-1]), astronaut_face.mirrored())


def test_boxes_are_mirror_images_and_meet_at_the_midline() -> None:
    assert tuple(REGION_BOXES) == OUTLINED_REGIONS
    for part in ("eye", "lip"):
        right, left = REGION_BOXES[f"right_{part}"], REGION_BOXES[f"left_{part}"]
        assert right.x + right.width == left.x == CANONICAL_SIZE[0] // 2
        assert (right.y, right.width, right.height) == (left.y, left.width, left.height)
        assert right.width == right.height == REGION_SIZE
        assert right.x >= 0
        assert right.y >= 0
        assert right.y + right.height <= CANONICAL_SIZE[1]


def test_regions_hold_what_they_are_named_after(aligned: AlignedFace) -> None:
    inside = {
        "right_eye": (33, 133, 159, 145, 70, 105, 55),  # corners, lids, brow
        "left_eye": (263, 362, 386, 374, 300, 334, 285),
        "right_lip": (61, 37, 84, 98, 206, 216),  # commissure, lips, nose wing, nasolabial fold
        "left_lip": (291, 267, 314, 327, 426, 436),
    }
    for name, landmarks in inside.items():
        box = REGION_BOXES[name]
        offset = aligned.points[list(landmarks), :2] - [box.x, box.y]
        assert (offset >= 0).all(), name
        assert (offset <= [box.width, box.height]).all(), name


def test_mosaic_rows_and_columns(aligned: AlignedFace) -> None:
    tiles = mosaic(aligned)
    assert tiles.shape == (MOSAIC_SIZE, MOSAIC_SIZE, 3)
    for name, (row, column) in zip(OUTLINED_REGIONS, ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True):
        box = REGION_BOXES[name]
        expected = aligned.image[box.y : box.y + REGION_SIZE, box.x : box.x + REGION_SIZE]
        tile = tiles[row * REGION_SIZE :, column * REGION_SIZE :][:REGION_SIZE, :REGION_SIZE]
        np.testing.assert_array_equal(tile, expected)


def test_mosaic_of_the_mirrored_photograph(aligned: AlignedFace, mirrored: AlignedFace) -> None:
    difference = np.abs(mosaic(aligned)[:, ::-1].astype(int) - mosaic(mirrored))
    assert difference.max() <= 2
    assert (difference > 0).mean() < 0.01


def test_region_polygons_lie_on_the_photograph(aligned: AlignedFace, astronaut_face: Face) -> None:
    polygons = region_polygons(aligned)
    assert tuple(polygons) == OUTLINED_REGIONS
    for name, eye in (("right_eye", 0), ("left_eye", 1)):
        corners = polygons[name]
        assert corners.shape == (4, 2)
        low, high = corners.min(axis=0), corners.max(axis=0)
        assert (low < astronaut_face.eye_centres[eye]).all()
        assert (astronaut_face.eye_centres[eye] < high).all()
    np.testing.assert_allclose(polygons["right_eye"][1], polygons["left_eye"][0])  # they share the midline


def test_polygons_and_maps_agree(aligned: AlignedFace) -> None:
    """A map that is 1 in one region lights up exactly that region's polygon on the photograph."""
    values = np.zeros((224, 224), np.float32)
    values[REGION_SIZE:, :REGION_SIZE] = 1  # right_lip
    on_photo = mosaic_map_to_photo(values, aligned, width=512, height=512)
    y, x = np.nonzero(on_photo > 0.5)
    centre = region_polygons(aligned)["right_lip"].mean(axis=0)
    np.testing.assert_allclose([x.mean() + 0.5, y.mean() + 0.5], centre, atol=0.3)
    area = (REGION_SIZE / aligned.to_canonical.scale) ** 2
    assert len(x) == pytest.approx(area, rel=0.03)


@pytest.mark.parametrize("size", [7, 28, 56, 224])
def test_maps_go_to_the_photograph_and_back(aligned: AlignedFace, size: int) -> None:
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    values = (0.5 + 0.3 * np.sin(4 * x) + 0.2 * np.cos(5 * y)).astype(np.float32)
    # On an enlarged photograph, so that the way there loses little.
    factor = 4
    large = AlignedFace(aligned.image, _enlarged(aligned, factor), aligned.points)
    photo = mosaic_map_to_photo(values, large, width=512 * factor, height=512 * factor)
    assert photo.shape == (512 * factor, 512 * factor)
    assert photo.dtype == np.float32
    back = photo_map_to_mosaic(photo, large, size=size)
    inner = slice(1, -1)
    assert np.abs(back - values)[inner, inner].max() < 0.03


def _enlarged(aligned: AlignedFace, factor: int):
    from face.frame.geometry import Similarity

    return Similarity.scaling(1 / factor).then(aligned.to_canonical)


def test_map_is_zero_off_the_face(aligned: AlignedFace) -> None:
    photo = mosaic_map_to_photo(np.ones((28, 28), np.float32), aligned, width=512, height=512)
    assert photo.max() == pytest.approx(1)
    assert photo[300:].max() == 0
    assert photo[:, :100].max() == 0
    eyes = aligned.to_canonical.inverse().apply(aligned.points[[159, 386], :2]).astype(int)
    assert all(photo[row, column] == pytest.approx(1) for column, row in eyes)


def test_a_spot_on_the_photograph_arrives_at_its_place(aligned: AlignedFace, astronaut_face: Face) -> None:
    x, y = astronaut_face.points[61, :2]  # the right commissure
    rows, columns = np.mgrid[:512, :512] + 0.5
    spot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 50).astype(np.float32)
    on_mosaic = photo_map_to_mosaic(spot, aligned, size=56)
    row, column = np.unravel_index(on_mosaic.argmax(), on_mosaic.shape)
    expected = photo_to_mosaic(aligned, size=56).apply([x, y])
    assert np.abs(np.array([column + 0.5, row + 0.5]) - expected).max() < 1
    assert column < 28 <= row  # the patient's right, lower half


def test_maps_of_the_mirrored_photograph(aligned: AlignedFace, mirrored: AlignedFace) -> None:
    values = np.random.default_rng(0).random((28, 28), np.float32)
    one = mosaic_map_to_photo(values, aligned, width=512, height=512)
    other = mosaic_map_to_photo(np.ascontiguousarray(values[:, ::-1]), mirrored, width=512, height=512)
    assert np.abs(one[:, ::-1] - other).max() < 0.01


def test_wrong_maps_are_refused(aligned: AlignedFace) -> None:
    with pytest.raises(ValueError, match=r"square, got shape \(3, 4\)"):
        mosaic_map_to_photo(np.zeros((3, 4), np.float32), aligned, width=10, height=10)
    with pytest.raises(ValueError, match="0x10"):
        mosaic_map_to_photo(np.zeros((3, 3), np.float32), aligned, width=0, height=10)
    with pytest.raises(ValueError, match="two-dimensional"):
        photo_map_to_mosaic(np.zeros((3, 3, 3), np.float32), aligned, size=8)
    for size in (0, -1):
        with pytest.raises(ValueError, match="at least 1"):
            roi_masks(aligned, size=size)


def test_roi_masks_mean_what_their_names_say(aligned: AlignedFace) -> None:
    masks = dict(zip(REGIONS_OF_INTEREST, roi_masks(aligned, size=224), strict=True))
    places = {
        "forehead": (9, 151, 105, 334),
        "left_eye": (386, 374, 473),
        "nose": (1, 5, 195),
        "right_eye": (159, 145, 468),
        "mouth": (13, 14, 17, 61, 291),
    }
    offset = [REGION_BOXES["right_eye"].x, REGION_BOXES["right_eye"].y]
    for name, landmarks in places.items():
        for landmark in landmarks:
            column, row = (aligned.points[landmark, :2] - offset).astype(int)
            for other, mask in masks.items():
                assert (mask[row, column] > 0.5) == (other == name), (name, other, landmark)
        # None takes the whole picture, none vanishes.
        assert 0.02 < masks[name].mean() < 0.35, name


def test_roi_masks_of_the_mirrored_photograph(aligned: AlignedFace, mirrored: AlignedFace) -> None:
    masks = roi_masks(aligned, size=56)
    assert masks.shape == (5, 56, 56)
    assert masks.dtype == np.float32
    assert masks.min() >= 0
    assert masks.max() <= 1
    swapped = masks[[0, 3, 2, 1, 4], :, ::-1]
    np.testing.assert_allclose(roi_masks(mirrored, size=56), swapped, atol=1e-3)


def test_roi_masks_at_any_size_agree(aligned: AlignedFace) -> None:
    fine = roi_masks(aligned, size=224).reshape(5, 28, 8, 28, 8).mean(axis=(2, 4))
    assert np.abs(fine - roi_masks(aligned, size=28)).mean() < 0.01


def test_regional_asymmetry_is_read_off_the_map(aligned: AlignedFace) -> None:
    size = 32
    masks = roi_masks(aligned, size=size)
    even = regional_asymmetry(np.full((size, size), 0.06, np.float32), masks, full_scale=0.15)
    assert even == pytest.approx({"forehead": 0.4, "eye": 0.4, "nose": 0.4, "mouth": 0.4})
    mouth = np.zeros((size, size), np.float32)
    mouth[masks[REGIONS_OF_INTEREST.index("mouth")] > 0.5] = 0.15
    scores = regional_asymmetry(mouth, masks, full_scale=0.15)
    assert scores["mouth"] > 0.8
    assert max(scores["forehead"], scores["eye"], scores["nose"]) < 0.2
    assert regional_asymmetry(np.full((size, size), 9.0, np.float32), masks)["nose"] == 1.0
    with pytest.raises(ValueError, match="full_scale"):
        regional_asymmetry(mouth, masks, full_scale=0.0)
