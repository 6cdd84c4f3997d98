"""The way from the picture as sent to the piece that is worked on, and back."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from face.frame.alignment import align_face
from face.frame.regions import region_polygons
from face.image.limits import ImageLimits
from face.photograph import Photograph, PhotographReader
from tests import factories


@pytest.fixture(scope="module")
def reader() -> Iterator[PhotographReader]:
    made = PhotographReader(limits=ImageLimits())
    yield made
    made.close()


def read(reader: PhotographReader, rgb: np.ndarray, **options: bool) -> Photograph:
    return reader.read(factories.jpeg(np.ascontiguousarray(rgb)), policy="single", both_ways=True, **options)


def outlines(photograph: Photograph) -> dict[str, np.ndarray]:
    return dict(region_polygons(photograph.on_sent(align_face(photograph.rgb, photograph.face))))


def enlarged(rgb: np.ndarray, factor: int) -> np.ndarray:
    return cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)


def test_a_small_picture_is_worked_on_as_it_is(reader: PhotographReader) -> None:
    photograph = read(reader, factories.astronaut())
    assert photograph.rgb.shape == (512, 512, 3)
    assert (photograph.sent_width, photograph.sent_height, photograph.to_sent.scale) == (512, 512, 1)
    assert photograph.warnings() == []


def test_a_large_picture_is_reduced_and_its_outlines_lie_on_the_large_one(reader: PhotographReader) -> None:
    small = outlines(read(reader, factories.astronaut()[:400]))
    photograph = read(reader, enlarged(factories.astronaut()[:400], 5))
    assert max(photograph.rgb.shape) < 1300
    assert (photograph.sent_width, photograph.sent_height) == (2560, 2000)
    assert photograph.to_sent.scale == 2  # at a quarter the eyes would be nearer than in the canonical face
    for name, corners in outlines(photograph).items():
        assert np.abs(corners - 5 * small[name]).max() < 5 * 1.5, name


def test_a_small_face_of_a_large_picture_is_seen_at_full_resolution(reader: PhotographReader) -> None:
    canvas = np.full((3000, 4000, 3), 127, np.uint8)
    large = enlarged(factories.astronaut(), 3)
    canvas[1000:2536, 2000:3536] = large
    photograph = read(reader, canvas)
    assert photograph.to_sent.scale == 1
    assert max(photograph.rgb.shape) < 1300
    there = outlines(read(reader, large))
    for name, corners in outlines(photograph).items():
        assert np.abs(corners - there[name] - [2000, 1000]).max() < 4, name


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_outlines_of_a_turned_picture_lie_on_it_as_sent(reader: PhotographReader, turns: int, size: int) -> None:
    rgb = enlarged(factories.astronaut()[:400], size)
    height, width = rgb.shape[:2]
    upright = outlines(read(reader, rgb))
    photograph = read(reader, np.rot90(rgb, turns))
    assert photograph.quarter_turns == 4 - turns
    lies = {1: "on its left side", 2: "upside down", 3: "on its right side"}[turns]
    assert lies in photograph.warnings()[0]
    expected = {
        1: lambda p: np.stack([p[:, 1], width - p[:, 0]], axis=1),
        2: lambda p: np.stack([width - p[:, 0], height - p[:, 1]], axis=1),
        3: lambda p: np.stack([height - p[:, 1], p[:, 0]], axis=1),
    }[turns]
    for name, corners in outlines(photograph).items():
        assert np.abs(corners - expected(upright[name])).max() < 2 * size, name


@pytest.mark.parametrize("size", [1, 5])
def test_a_mirrored_picture_swaps_the_sides_and_keeps_the_places(reader: PhotographReader, size: int) -> None:
    rgb = enlarged(factories.astronaut()[:400], size)
    plain = outlines(read(reader, rgb))
    mirrored = read(reader, rgb, mirrored=True)
    np.testing.assert_array_equal(mirrored.face.points.shape, (478, 3))
    swapped = {"left_eye": "right_eye", "right_eye": "left_eye", "left_lip": "right_lip", "right_lip": "left_lip"}
    for name, corners in outlines(mirrored).items():
        # The same place of the picture, called by the other side; the corners run the other way round.
        assert np.abs(corners.mean(axis=0) - plain[swapped[name]].mean(axis=0)).max() < 1.5 * size, name


def test_mirroring_the_picture_and_saying_so_changes_nothing(reader: PhotographReader) -> None:
    rgb = factories.astronaut()
    plain = reader.read(factories.encode(rgb, "PNG"), policy="single", both_ways=True)
    flipped = factories.encode(np.ascontiguousarray(rgb[:, ::-1]), "PNG")
    told = reader.read(flipped, policy="single", both_ways=True, mirrored=True)
    np.testing.assert_array_equal(told.rgb, plain.rgb)
    np.testing.assert_array_equal(told.face.points, plain.face.points)


def test_the_engine_is_a_choice() -> None:
    with pytest.raises(ValueError, match="'litert' or 'mediapipe', got 'opencv'"):
        PhotographReader(limits=ImageLimits(), engine="opencv")  # type: ignore[arg-type]
    reference = PhotographReader(limits=ImageLimits(), engine="mediapipe")
    own = PhotographReader(limits=ImageLimits())
    try:
        theirs, ours = read(reference, factories.astronaut()), read(own, factories.astronaut())
    finally:
        reference.close()
        own.close()
    assert np.abs(theirs.face.points - ours.face.points)[:, :2].mean() < 0.01 * ours.face.interocular_px
