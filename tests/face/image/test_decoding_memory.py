"""What decoding takes is known from the header, whatever a file is made of, and is never more than is allowed."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image

from face.errors import ImageTooLarge, PreprocessingError, UndecodableImage
from face.image.decode import decode_image
from face.image.limits import ImageLimits
from tests.face.image.test_kinds_of_files import saved, smooth

WIDTH, HEIGHT = 1600, 960
LARGE = cv2.resize(smooth(), (WIDTH, HEIGHT))
MEGABYTE = 1_000_000


def reserved_for(data: bytes, *, longer_side_px: int | None = 160) -> int:
    """Bytes that are asked for; 0 where the file is refused before."""
    asked: list[int] = []

    @contextmanager
    def reserve(needed: int) -> Iterator[None]:
        asked.append(needed)
        yield

    try:
        decode_image(data, longer_side_px=longer_side_px, reserve=reserve)
    except PreprocessingError:
        return sum(asked)
    (needed,) = asked
    return needed


def test_the_scale_counts_for_a_jpeg_and_the_whole_picture_for_others() -> None:
    jpeg, png = saved(LARGE, "JPEG"), saved(LARGE, "PNG")
    eighth, whole = reserved_for(jpeg), reserved_for(jpeg, longer_side_px=None)
    assert whole - eighth == WIDTH * HEIGHT * 3 - (WIDTH // 8) * (HEIGHT // 8) * 3
    assert reserved_for(png) - eighth > WIDTH * HEIGHT * 4


def test_a_turned_jpeg_takes_its_copy() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    sent, turned = (saved(LARGE, "JPEG", **options) for options in ({}, {"exif": exif}))
    assert reserved_for(turned, longer_side_px=None) - reserved_for(sent, longer_side_px=None) == WIDTH * HEIGHT * 3


@pytest.mark.parametrize(("subsampling", "samples"), [(0, 3.0), (1, 2.0), (2, 1.5)])
def test_all_scans_of_a_progressive_jpeg_are_held(subsampling: int, samples: float) -> None:
    plain, progressive = (
        reserved_for(saved(LARGE, "JPEG", subsampling=subsampling, progressive=each)) for each in (False, True)
    )
    assert progressive - plain == WIDTH * HEIGHT * samples * 2


def test_a_sequential_jpeg_with_a_scan_for_each_component_is_held_too() -> None:
    """Its first scan says so: it names fewer components than the frame has."""
    jpeg = bytearray(saved(LARGE, "JPEG", subsampling=0))
    at = jpeg.index(b"\xff\xda")
    assert jpeg[at + 4] == 3
    only_first = bytes(jpeg[:at]) + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + bytes(jpeg[at + 14 :])
    assert reserved_for(only_first) - reserved_for(bytes(jpeg)) == WIDTH * HEIGHT * 3 * 2


def test_transparency_is_counted() -> None:
    opaque = saved(LARGE, "PNG")
    rgba = saved(np.dstack([LARGE, LARGE[..., 0]]), "PNG")
    assert reserved_for(rgba) - len(rgba) > reserved_for(opaque) - len(opaque) + 4 * WIDTH * HEIGHT


def tiled_tiff(side: int) -> bytes:
    """A TIFF of 64 x 64 pixels in one tile of `side` x `side`: a file of `side`^2 / 1000 bytes."""
    packed = zlib.compress(bytes(side * side), 9)
    entries = [(256, 64), (257, 64), (258, 8), (259, 8), (262, 1), (277, 1), (322, side), (323, side), (324, 8)]
    entries.append((325, len(packed)))
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", tag, 4, 1, of) for tag, of in entries)
    return b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed + directory + bytes(4)


def test_a_tile_that_is_larger_than_its_picture_is_counted() -> None:
    assert decode_image(tiled_tiff(64)).rgb.shape == (64, 64, 3)
    assert reserved_for(tiled_tiff(4096)) > 4096**2
    with pytest.raises(ImageTooLarge, match=r"TIFF of 64 x 64 pixels would take \d+ MB"):
        decode_image(tiled_tiff(4096), limits=ImageLimits(max_decoding_bytes=10 * MEGABYTE))


@pytest.mark.parametrize("rows", [8, 960])
def test_a_strip_is_counted(rows: int) -> None:
    buffer = io.BytesIO()
    Image.fromarray(LARGE).save(buffer, "TIFF", compression="tiff_adobe_deflate", tiffinfo={278: rows})
    small = saved(LARGE, "TIFF", compression="tiff_adobe_deflate", tiffinfo={278: 1})
    assert reserved_for(buffer.getvalue()) - reserved_for(small) == WIDTH * (rows - 1) * 3


def test_a_file_of_endless_scans_is_refused_before_them() -> None:
    jpeg = saved(smooth(), "JPEG", progressive=True)
    last_scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    with pytest.raises(UndecodableImage, match="has 1009 scans"):
        decode_image(jpeg[:-2] + last_scan * 999 + jpeg[-2:])
    # In a film behind the picture such bytes mean nothing.
    np.testing.assert_array_equal(decode_image(jpeg + b"\xff\xda\0\x08" * 999).rgb, decode_image(jpeg).rgb)


@pytest.mark.parametrize(("allowed", "reduction"), [(11, 1), (10, 2), (7, 4)])
def test_what_does_not_fit_at_the_wished_scale_is_reduced_further(allowed: int, reduction: int) -> None:
    limits = ImageLimits(max_decoding_bytes=allowed * MEGABYTE)
    decoded = decode_image(saved(LARGE, "JPEG"), limits=limits, longer_side_px=WIDTH)
    assert (decoded.reduction, decoded.width) == (reduction, WIDTH)


def test_full_size_is_full_size_or_a_refusal() -> None:
    with pytest.raises(ImageTooLarge, match=r"JPEG of 1600 x 960 pixels would take 10 MB; at most 5 are allowed"):
        decode_image(saved(LARGE, "JPEG"), limits=ImageLimits(max_decoding_bytes=5 * MEGABYTE))


def test_a_hundred_and_twenty_megapixels() -> None:
    row = np.full((16, 12_656, 3), (90, 120, 160), np.uint8)
    jpeg = simplejpeg.encode_jpeg(np.tile(row, (593, 1, 1)), quality=80)
    assert reserved_for(jpeg, longer_side_px=1000) < 20 * MEGABYTE
    decoded = decode_image(jpeg, longer_side_px=1000)
    assert (decoded.width, decoded.height, decoded.reduction) == (12_656, 9_488, 8)


def test_a_large_cmyk_jpeg_is_reduced_by_its_decoder() -> None:
    jpeg = saved(Image.fromarray(LARGE).convert("CMYK"), "JPEG")
    assert reserved_for(jpeg) < 7 * MEGABYTE
    decoded = decode_image(jpeg, longer_side_px=400)
    expected = cv2.resize(LARGE, (400, 240), interpolation=cv2.INTER_AREA)
    assert np.abs(decoded.rgb.astype(int) - expected).mean() < 4
