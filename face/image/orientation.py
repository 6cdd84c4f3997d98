"""How a picture has to be turned, wherever programs write it down.

Values are EXIF's (2.32, tag 0x0112): 1 is upright. Where several places contradict each other, the first EXIF block
that states one holds, as in browsers and in Pillow; XMP counts only where no EXIF block does.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable

from face.image.tiff import BadHeader, first_directory

UPRIGHT = 1
_ORIENTATION_TAG = 0x0112
EXIF_PREFIX = b"Exif\x00\x00"
# As an attribute, <rdf:Description tiff:Orientation="6">, or as an element, <tiff:Orientation>6</tiff:Orientation>.
_XMP_ORIENTATION = re.compile(rb"""tiff:Orientation\s*(?:=\s*["']|>)\s*([1-8])\s*["'<]""")
# Text chunk of ImageMagick: a name, the length in bytes, then hexadecimal digits in lines.
_RAW_PROFILE = re.compile(rb"\s*\w+\s+(\d+)\s+([0-9a-fA-F\s]*)")


def orientation_of(exif: Iterable[bytes], xmp: Iterable[bytes]) -> int:
    """The orientation that the given blocks state, 1 where none does."""
    found = [_exif_orientation(block) for block in exif] + [_xmp_orientation(packet) for packet in xmp]
    return next((value for value in found if value), UPRIGHT)


def raw_profile(text: bytes) -> bytes:
    """The bytes of a profile that a PNG holds as hexadecimal text; empty where it holds none."""
    match = _RAW_PROFILE.match(text)
    if match is None:
        return b""
    digits = b"".join(match[2].split())
    return bytes.fromhex(digits[: len(digits) // 2 * 2].decode("ascii"))


def _exif_orientation(block: bytes) -> int | None:
    """None where the block states none or is damaged: the picture itself may be sound."""
    try:
        value = first_directory(block.removeprefix(EXIF_PREFIX)).get(_ORIENTATION_TAG)
    except (BadHeader, struct.error, IndexError):
        return None
    return value if value is not None and 1 <= value <= 8 else None


def _xmp_orientation(packet: bytes) -> int | None:
    match = _XMP_ORIENTATION.search(packet)
    return int(match[1]) if match else None
