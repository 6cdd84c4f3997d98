from __future__ import annotations

import io
import time

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from face.errors import (
    EmptyImage,
    ImageTooLarge,
    PreprocessingError,
    UndecodableImage,
    UnsupportedMediaType,
)
from face.image.decode import decode_image
from face.image.limits import ImageLimits
from tests import factories

KINDS = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
}


def small_photo() -> np.ndarray:
    """(48, 64, 3): smooth, so that lossy codecs stay close, and different in all eight orientations."""
    y, x = np.mgrid[:48, :64]
    return np.stack([x * 3 + 20, y * 4 + 10, (x + y) * 2], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(("kind", "media_type"), KINDS.items())
def test_accepted_types(kind: str, media_type: str) -> None:
    photo = small_photo()
    decoded = decode_image(factories.encode(photo, kind))
    assert decoded.media_type == media_type
    assert decoded.rgb.dtype == np.uint8
    assert decoded.rgb.flags.c_contiguous
    tolerance = 12 if kind in ("JPEG", "WEBP") else 0
    assert np.abs(decoded.rgb.astype(int) - photo).max() <= tolerance


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    photo = small_photo()
    decoded = decode_image(factories.with_orientation(photo, kind, orientation))
    assert decoded.rgb.shape == photo.shape
    assert np.abs(decoded.rgb.astype(int) - photo).max() <= (4 if kind == "JPEG" else 0)


def test_damaged_exif_is_ignored() -> None:
    data = bytearray(factories.with_orientation(small_photo(), "JPEG", 1))
    at = data.index(b"Exif\x00\x00")
    data[at + 6 : at + 14] = b"\xff" * 8
    assert decode_image(bytes(data)).rgb.shape == (48, 64, 3)


def test_cmyk_jpeg() -> None:
    photo = factories.astronaut()
    decoded = decode_image(factories.cmyk_jpeg(photo))
    assert decoded.media_type == "image/jpeg"
    assert np.abs(decoded.rgb.astype(int) - photo).mean() < 4


@pytest.mark.parametrize("options", [{"progressive": True}, {"subsampling": 0}, {"optimize": True}])
def test_jpeg_variants(options: dict[str, object]) -> None:
    decoded = decode_image(factories.encode(small_photo(), "JPEG", quality=95, **options))
    assert np.abs(decoded.rgb.astype(int) - small_photo()).max() <= 12


@pytest.mark.parametrize("kind", list(KINDS))
def test_grey_pictures(kind: str) -> None:
    grey = small_photo()[..., 0]
    decoded = decode_image(factories.encode(grey, kind))
    assert decoded.rgb.shape == (48, 64, 3)
    assert np.abs(decoded.rgb.astype(int) - grey[..., None]).max() <= 10


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 3)])
def test_16_bit_png(shape: tuple[int, ...]) -> None:
    photo = small_photo() if len(shape) == 3 else small_photo()[..., 0]
    decoded = decode_image(factories.png16(photo.astype(np.uint16) * 257))
    assert np.abs(decoded.rgb.astype(int) - photo.reshape(48, 64, -1)).max() <= 1


def test_16_bit_tiff() -> None:
    ok, data = cv2.imencode(".tiff", small_photo()[..., 0].astype(np.uint16) * 257)
    assert ok
    assert np.abs(decode_image(data.tobytes()).rgb[..., 0].astype(int) - small_photo()[..., 0]).max() <= 1


def test_float_tiff_is_refused() -> None:
    ok, data = cv2.imencode(".tiff", small_photo()[..., 0].astype(np.float32) / 255)
    assert ok
    with pytest.raises(UndecodableImage, match="32 bits"):
        decode_image(data.tobytes())


def test_transparent_pixels_lie_on_white() -> None:
    rgba = np.dstack([small_photo(), np.full((48, 64), 255, np.uint8)])
    rgba[:, :32, 3] = 0
    decoded = decode_image(factories.encode(rgba, "PNG")).rgb
    assert (decoded[:, :32] == 255).all()
    np.testing.assert_array_equal(decoded[:, 32:], small_photo()[:, 32:])


def test_palette_png_with_transparency() -> None:
    buffer = io.BytesIO()
    palette = Image.fromarray(small_photo()).quantize(16)
    palette.save(buffer, "PNG", transparency=int(np.asarray(palette)[0, 0]))
    decoded = decode_image(buffer.getvalue()).rgb
    assert (decoded[0, 0] == 255).all()


def test_first_page_of_a_tiff() -> None:
    buffer = io.BytesIO()
    first, second = Image.fromarray(small_photo()), Image.fromarray(np.zeros((20, 20, 3), np.uint8))
    first.save(buffer, "TIFF", save_all=True, append_images=[second], compression="tiff_lzw")
    np.testing.assert_array_equal(decode_image(buffer.getvalue()).rgb, small_photo())


def test_the_name_of_the_type_is_taken_from_the_bytes() -> None:
    for name, message in {"text": "text", "pdf": "PDF"}.items():
        make, code = factories.BAD_FILES[name]
        assert code == UnsupportedMediaType.code
        with pytest.raises(UnsupportedMediaType, match=message):
            decode_image(make())


def test_empty() -> None:
    with pytest.raises(EmptyImage):
        decode_image(b"")


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_cut_off_files_are_undecodable(kind: str, share: float) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    data = factories.encode(factories.astronaut()[:128, :128], kind, **options)
    with pytest.raises(UndecodableImage):
        decode_image(data[: int(len(data) * share)])


def test_stray_bytes_in_a_jpeg_do_not_matter() -> None:
    data = factories.jpeg(small_photo())
    assert decode_image(data + b"trailing").rgb.shape == (48, 64, 3)
    assert decode_image(data[:-2] + bytes(3) + data[-2:]).rgb.shape == (48, 64, 3)


def test_a_bomb_costs_nothing() -> None:
    bomb = factories.png_bomb()
    assert len(bomb) < 5000
    started = time.process_time()
    with pytest.raises(ImageTooLarge, match="900,000,000 pixels"):
        decode_image(bomb)
    assert time.process_time() - started < 0.05


def test_limits() -> None:
    with pytest.raises(ImageTooLarge, match="11,000,000 bytes"):
        decode_image(factories.oversized_file())
    with pytest.raises(ImageTooLarge, match="at most 3,000"):
        decode_image(factories.jpeg(small_photo()), limits=ImageLimits(max_pixels=3000))
    with pytest.raises(ImageTooLarge, match="sides"):
        decode_image(factories.encode(np.zeros((2, 20_001, 3), np.uint8), "PNG"))
    with pytest.raises(ValueError, match="max_bytes"):
        ImageLimits(max_bytes=0)
    with pytest.raises(ValueError, match="max_side_px"):
        ImageLimits(max_side_px=40_000)


@pytest.mark.slow
def test_limits_beyond_pillows_own() -> None:
    """Pillow warns from 89 million pixels on; here only ImageLimits decides."""
    data = factories.encode(np.zeros((10_000, 9_000), np.uint8), "PNG", compress_level=1)
    assert decode_image(
        data, limits=ImageLimits(max_pixels=100_000_000, max_decoding_bytes=2_000_000_000)
    ).rgb.shape == (10_000, 9_000, 3)


SEEDS = [
    *(factories.encode(small_photo(), kind) for kind in KINDS),
    factories.cmyk_jpeg(small_photo()),
    factories.with_orientation(small_photo(), "WEBP", 6),
    factories.with_orientation(small_photo(), "PNG", 8),
    factories.png16(small_photo().astype(np.uint16) * 200),
    factories.encode(small_photo(), "TIFF", compression="tiff_lzw"),
    factories.encode(small_photo(), "TIFF", compression="jpeg"),
    factories.encode(small_photo(), "TIFF", big_tiff=True),
    factories.encode(small_photo(), "JPEG", progressive=True, restart_marker_blocks=3),
    factories.encode(small_photo(), "AVIF", quality=50),
    factories.encode(small_photo(), "GIF"),
    factories.encode(small_photo(), "JPEG2000"),
]


def decodes_or_refuses(data: bytes) -> None:
    try:
        decoded = decode_image(data, limits=ImageLimits(max_pixels=1_000_000))
    except PreprocessingError as error:
        assert str(error).endswith(".")  # noqa: PT017
    else:
        assert decoded.rgb.ndim == 3
        assert decoded.rgb.dtype == np.uint8


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=6), st.integers(0, 6)), max_size=6),
    cut=st.floats(0, 1),
)
def test_mutated_files_never_surprise(seed: bytes, edits: list[tuple[float, bytes, int]], cut: float) -> None:
    data = bytearray(seed)
    for position, inserted, removed in edits:
        # Squared: headers, where most decisions are made, are hit more often.
        at = int(position**2 * len(data))
        data[at : at + removed] = inserted
    decodes_or_refuses(bytes(data[: int(len(data) * (1 - cut**3))]))


@settings(max_examples=500, deadline=None)
@given(st.sampled_from([seed[:n] for seed in SEEDS for n in (0, 4, 16, 30)]), st.binary(max_size=200))
def test_random_bytes_never_surprise(head: bytes, tail: bytes) -> None:
    decodes_or_refuses(head + tail)
