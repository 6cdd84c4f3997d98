"""HEIC as telephones write it. The pictures are encoded here, by pillow-heif, which only these tests need."""

from __future__ import annotations

import io

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from face.errors import ImageTooLarge, UndecodableImage
from face.image.decode import decode_image
from face.image.limits import ImageLimits
from tests import factories
from tests.face.image.test_colours import DISPLAY_P3, profile_of, stored_in
from tests.face.image.test_kinds_of_files import exif, smooth, stored_for

PORTRAIT = np.ascontiguousarray(factories.astronaut()[30:190, 150:290])


def heic(picture: np.ndarray, *, mode: str | None = None, **info: object) -> bytes:
    stored = Image.fromarray(picture)
    file = pillow_heif.from_pillow(stored if mode is None else stored.convert(mode))
    file.info.update(info)
    buffer = io.BytesIO()
    file.save(buffer, quality=95, chroma=444)
    return buffer.getvalue()


def difference(data: bytes, expected: np.ndarray) -> float:
    decoded = decode_image(data)
    assert decoded.media_type == "image/heic"
    assert (decoded.height, decoded.width, 3) == decoded.rgb.shape == expected.shape
    return float(np.abs(decoded.rgb.astype(int) - expected).mean())


@pytest.mark.parametrize("mode", [None, "RGBA"])
def test_a_heic(mode: str | None) -> None:
    assert difference(heic(PORTRAIT, mode=mode), PORTRAIT) < 2


def test_a_grey_heic() -> None:
    grey = np.repeat(PORTRAIT[..., :1], 3, axis=2)
    assert difference(heic(PORTRAIT[..., 0]), grey) < 2


def test_ten_bits_become_eight() -> None:
    buffer = io.BytesIO()
    height, width = smooth().shape[:2]
    values = smooth().astype("<u2") * 257
    pillow_heif.encode("RGB;16", (width, height), values.tobytes(), buffer, quality=95, chroma=444)
    assert difference(buffer.getvalue(), smooth()) < 2


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_the_turn_of_a_heic_is_applied_once(orientation: int) -> None:
    """The encoder writes it as a property, and again into the EXIF block, as telephones do."""
    data = heic(stored_for(PORTRAIT, orientation), exif=b"Exif\0\0" + exif(orientation))
    assert difference(data, PORTRAIT) < 2


def test_the_colours_of_a_telephone() -> None:
    stored = stored_in(smooth(), DISPLAY_P3, 2.2)
    data = heic(stored, icc_profile=profile_of(DISPLAY_P3, 2.2), icc_profile_type="prof")
    assert difference(data, smooth()) < 2


def test_a_large_heic_is_reduced() -> None:
    large = np.asarray(Image.fromarray(smooth()).resize((639, 383)))
    decoded = decode_image(heic(large), longer_side_px=300)
    assert (decoded.width, decoded.height, decoded.reduction) == (639, 383, 2)
    expected = np.asarray(Image.fromarray(large).reduce(2))
    assert np.abs(decoded.rgb.astype(int) - expected).mean() < 2


@pytest.mark.parametrize("share", [0.1, 0.6, 0.98])
def test_a_cut_heic_is_refused_with_the_way_out(share: float) -> None:
    data = heic(PORTRAIT)
    with pytest.raises(UndecodableImage, match=r"HEIC.*Most Compatible"):
        decode_image(data[: int(len(data) * share)])


def test_the_size_of_a_heic_is_limited_before_it_is_decoded() -> None:
    with pytest.raises(ImageTooLarge, match="140 x 160 = 22,400 pixels"):
        decode_image(heic(PORTRAIT), limits=ImageLimits(max_pixels=20_000))
    with pytest.raises(ImageTooLarge, match="HEIC of 140 x 160 pixels would take 6 MB"):
        decode_image(heic(PORTRAIT), limits=ImageLimits(max_decoding_bytes=6_000_000))
