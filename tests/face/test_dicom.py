"""The photograph in a DICOM file: as it is where it is JPEG, the same pixels where it is not compressed."""

from __future__ import annotations

import contextlib
import struct
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face.dicom import picture_in
from face.errors import PreprocessingError, UndecodableImage, UnsupportedMediaType
from face.image.decode import decode_image
from tests import factories
from tests.dicom_factory import SECONDARY_CAPTURE, VL_PHOTOGRAPH, dicom

RGB = np.random.default_rng(3).integers(0, 256, (40, 61, 3), dtype=np.uint8)


def test_another_file_is_left_as_it_is() -> None:
    for data in (b"", b"x", factories.jpeg(RGB), bytes(200)):
        assert picture_in(data) is data


@pytest.mark.parametrize("sop_class", [VL_PHOTOGRAPH, SECONDARY_CAPTURE])
@pytest.mark.parametrize("odd", [False, True])
def test_a_jpeg_comes_out_as_it_went_in(sop_class: str, odd: bool) -> None:
    jpeg = factories.jpeg(RGB)
    jpeg += b"\0" * ((len(jpeg) + odd) % 2)
    found = picture_in(dicom(jpeg, sop_class=sop_class, size=(40, 61)))
    assert found.rstrip(b"\0") == jpeg.rstrip(b"\0")
    np.testing.assert_array_equal(decode_image(found).rgb, decode_image(jpeg).rgb)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
def test_uncompressed_pixels_stay_what_they_are(syntax: str) -> None:
    np.testing.assert_array_equal(decode_image(picture_in(dicom(RGB, syntax=syntax))).rgb, RGB)


def test_planes_one_after_the_other() -> None:
    planes = np.ascontiguousarray(RGB.transpose(2, 0, 1)).tobytes()
    found = picture_in(dicom(RGB, PlanarConfiguration=1, PixelData=planes))
    np.testing.assert_array_equal(decode_image(found).rgb, RGB)


@pytest.mark.parametrize(("colour", "sign"), [("MONOCHROME2", 1), ("MONOCHROME1", -1)])
def test_grey_and_its_negative(colour: str, sign: int) -> None:
    grey = RGB[..., 0]
    found = decode_image(picture_in(dicom(grey, PhotometricInterpretation=colour))).rgb
    np.testing.assert_array_equal(found, np.repeat((grey if sign > 0 else 255 - grey)[..., None], 3, axis=2))


def test_brightness_and_colour_differences_become_rgb() -> None:
    ybr = np.full((8, 8, 3), (128, 128, 128), np.uint8)
    ybr[:4] = (76, 85, 255)  # red
    found = decode_image(picture_in(dicom(ybr, PhotometricInterpretation="YBR_FULL"))).rgb
    np.testing.assert_allclose(found[0, 0], (255, 0, 0), atol=2)
    np.testing.assert_allclose(found[7, 7], (128, 128, 128), atol=2)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (dicom(RGB, sop_class="1.2.840.10008.5.1.4.1.1.2"), r"1.2.840.10008.5.1.4.1.1.2 \(CT Image Storage\)"),
        (dicom(RGB, SOPClassUID="1.2.3.4.5"), "1.2.3.4.5"),
        (dicom(b"\xff\x4f\xff\x51", syntax="1.2.840.10008.1.2.4.90"), r"1.2.840.10008.1.2.4.90 \(JPEG 2000"),
        (dicom(factories.jpeg(RGB), NumberOfFrames=12), "12 frames"),
        (dicom(RGB, BitsStored=7), "7 bits"),
        (dicom(RGB, PhotometricInterpretation="ARGB"), "ARGB"),
        (dicom(RGB, PhotometricInterpretation="Jemima"), "an unknown colour"),
    ],
)
def test_what_is_no_photograph_is_named(data: bytes, said: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=said):
        picture_in(data)


@pytest.mark.parametrize("changes", [{"PixelData": None}, {"PixelData": b"\0\0"}, {"Rows": 9000}, {"Columns": None}])
def test_pixels_that_are_not_there(changes: dict[str, object]) -> None:
    with pytest.raises(UndecodableImage):
        picture_in(dicom(RGB, **changes))


def test_every_shorter_file_is_refused_or_read() -> None:
    data = dicom(RGB)
    for length in range(132, len(data) - 1, 37):
        with pytest.raises(PreprocessingError):
            picture_in(data[:length])


def test_megabytes_of_empty_items_are_given_up() -> None:
    head = dicom(RGB)[: dicom(RGB).index(b"\x08\x00\x16\x00")]
    items = struct.pack("<HH2sHI", 8, 0x1110, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0) * 500_000
    started = time.process_time()
    with pytest.raises(UndecodableImage):
        picture_in(head + items)
    assert time.process_time() - started < 2


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_bytes_are_a_refusal(data: st.DataObject) -> None:
    file = bytearray(dicom(factories.jpeg(RGB), size=(40, 61)))
    for at in data.draw(st.lists(st.integers(132, len(file) - 1), min_size=1, max_size=6)):
        file[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PreprocessingError):
        picture_in(bytes(file))
