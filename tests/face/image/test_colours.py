"""Pictures whose values mean other colours than sRGB's: what is decoded is what a viewer shows."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from face.image.colour import array_to_srgb
from face.image.decode import decode_image
from tests.face.image.test_kinds_of_files import difference, png_chunk, saved, smooth, with_chunk

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# Columns: XYZ of red, green and blue under D50, as their profiles have them.
DISPLAY_P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
PROPHOTO = ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491))
SRGB_PRIMARIES = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141))


def profile_of(primaries: tuple[tuple[float, float, float], ...], gamma: float) -> bytes:
    """A profile like sRGB's, under its name, with other primaries and a power curve."""
    made = bytearray(SRGB)
    values = {b"rXYZ": primaries[0], b"gXYZ": primaries[1], b"bXYZ": primaries[2]}
    for number in range(int.from_bytes(SRGB[128:132], "big")):
        kind, offset, size = struct.unpack_from(">4sII", SRGB, 132 + 12 * number)
        if kind in values:
            struct.pack_into(">3i", made, offset + 8, *(round(65536 * value) for value in values[kind]))
        elif kind.endswith(b"TRC"):
            curve = b"para" + bytes(4) + struct.pack(">HHi", 0, 0, round(65536 * gamma))
            made[offset : offset + size] = curve.ljust(size, b"\0")
    return bytes(made)


def stored_in(rgb: np.ndarray, primaries: tuple[tuple[float, float, float], ...], gamma: float) -> np.ndarray:
    """The values that show the sRGB picture `rgb` in another space; by the formula, not by a profile."""
    encoded = rgb / 255
    light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    matrix = np.linalg.inv(np.array(primaries).T) @ np.array(SRGB_PRIMARIES).T
    return np.round(255 * (light @ matrix.T).clip(0, 1) ** (1 / gamma)).astype(np.uint8)


SPACES = {
    "Display P3": (DISPLAY_P3, 2.2),
    "Adobe RGB": (ADOBE_RGB, 2.2),
    "ProPhoto": (PROPHOTO, 1.8),
    "linear, under the name of sRGB": (SRGB_PRIMARIES, 1.0),
}


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("JPEG", {"quality": 99, "subsampling": 0}), ("TIFF", {}), ("WEBP", {"lossless": True})],
)
def test_profiles_are_applied(space: str, kind: str, options: dict[str, object]) -> None:
    primaries, gamma = SPACES[space]
    stored = stored_in(smooth(), primaries, gamma)
    assert np.abs(stored.astype(int) - smooth()).mean() > 3
    data = saved(stored, kind, icc_profile=profile_of(primaries, gamma), **options)
    assert difference(data, smooth()) < 2


def test_a_profile_counts_below_transparency_too() -> None:
    stored = stored_in(smooth(), ADOBE_RGB, 2.2)
    opaque = np.full(stored.shape[:2], 255, np.uint8)
    data = saved(np.dstack([stored, opaque]), "PNG", icc_profile=profile_of(ADOBE_RGB, 2.2))
    assert difference(data, smooth()) < 2


def test_srgb_stays_as_it_is_to_the_last_bit() -> None:
    pixels = smooth()
    assert array_to_srgb(pixels, SRGB) is pixels


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_a_profile_of_grey(kind: str) -> None:
    """By its own curve, here a power of 1, which makes everything lighter."""
    grey = smooth()[..., 0]
    light = stored_in(np.repeat(grey[..., None], 3, axis=2), SRGB_PRIMARIES, 1.0)[..., 0]
    options = {"quality": 99} if kind == "JPEG" else {}
    data = saved(light, kind, icc_profile=grey_profile(), **options)
    assert difference(data, np.repeat(grey[..., None], 3, axis=2)) < 3


def grey_profile() -> bytes:
    """ICC.1:2022, 8.3.4: a curve and the white point are enough."""
    curve = b"curv" + bytes(4) + struct.pack(">I", 0)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\0" + bytes(78)
    bodies = [(b"kTRC", curve), (b"wtpt", white), (b"desc", text)]
    table, at, content = struct.pack(">I", len(bodies)), 128 + 4 + 12 * len(bodies), b""
    for kind, body in bodies:
        body = body.ljust(-(-len(body) // 4) * 4, b"\0")
        table += struct.pack(">4sII", kind, at + len(content), len(body))
        content += body
    head = bytearray(SRGB[:128])
    head[16:20] = b"GRAY"
    struct.pack_into(">I", head, 0, 128 + len(table) + len(content))
    return bytes(head) + table + content


def test_a_profile_of_other_channels_is_passed_over() -> None:
    np.testing.assert_array_equal(decode_image(saved(smooth(), "PNG", icc_profile=grey_profile())).rgb, smooth())


@pytest.mark.parametrize(("also", "applied"), [(b"", True), (png_chunk(b"sRGB", b"\0"), False)])
def test_the_exponent_of_a_png_counts_where_it_names_no_colours(also: bytes, applied: bool) -> None:
    light = stored_in(smooth(), SRGB_PRIMARIES, 1.0)
    png = with_chunk(saved(light, "PNG"), png_chunk(b"gAMA", struct.pack(">I", 100_000)) + also)
    assert difference(png, smooth() if applied else light) < 1


def test_the_usual_exponent_changes_nothing() -> None:
    png = with_chunk(saved(smooth(), "PNG"), png_chunk(b"gAMA", struct.pack(">I", 45_455)))
    np.testing.assert_array_equal(decode_image(png).rgb, smooth())


def test_a_broken_profile_of_ink_is_passed_over() -> None:
    ink = Image.fromarray(smooth()).convert("CMYK")
    broken = bytes(16) + b"CMYK" + zlib.compress(bytes(1000))
    plain, with_profile = (saved(ink, "JPEG", quality=95, icc_profile=each) for each in (None, broken))
    np.testing.assert_array_equal(decode_image(with_profile).rgb, decode_image(plain).rgb)


def test_lab_of_a_tiff() -> None:
    srgb, lab = (ImageCms.createProfile(name) for name in ("sRGB", "LAB"))
    stored = ImageCms.applyTransform(Image.fromarray(smooth()), ImageCms.buildTransform(srgb, lab, "RGB", "LAB"))
    assert difference(saved(stored, "TIFF"), smooth()) < 2
