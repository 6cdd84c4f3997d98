"""PNG files (W3C, 3rd edition): their size, turn and colour profile, and the same picture without what is no pixel.

Text, colour profiles and private chunks are often broken or huge; a decoder that reads them refuses pictures which
every viewer shows. So it is given the pixels' own chunks only.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from face.image.orientation import orientation_of, raw_profile
from face.image.tiff import BadHeader

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_OF_THE_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
# Colour types that have a value of transparency: grey and RGB.
_WITH_ALPHA = (4, 6)
# A profile or a text that is larger is not for this service.
_LARGEST_TEXT = 4_000_000


@dataclass
class PngFile:
    """gamma: the exponent that the values were stored with, where neither a profile nor sRGB is named.
    transparent: some pixels may be."""

    width: int
    height: int
    transparent: bool = False
    gamma: float | None = None
    exif: list[bytes] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)
    profile: bytes | None = None

    @property
    def orientation(self) -> int:
        return orientation_of(self.exif, self.xmp)


def read_png(data: bytes) -> PngFile:
    """Raises BadHeader, struct.error."""
    if data[12:16] == b"CgBI":
        raise BadHeader("it is in the form that Apple's tools give to apps (CgBI); save it anew as PNG")
    if data[12:16] != b"IHDR":
        raise BadHeader("the first chunk is not IHDR")
    width, height = struct.unpack_from(">II", data, 16)
    found = PngFile(width, height, transparent=data[25] in _WITH_ALPHA)
    says_srgb = False
    for kind, body in _chunks(data):
        if kind == b"eXIf":
            found.exif.insert(0, body)
        elif kind == b"iCCP":
            found.profile = _inflated(body.partition(b"\x00")[2][1:])
        elif kind == b"gAMA" and len(body) == 4:
            found.gamma = int.from_bytes(body, "big") / 100_000 or None
        elif kind == b"tRNS":
            found.transparent = True
        elif kind == b"sRGB":
            says_srgb = True
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            _read_text(kind, body, found)
    if says_srgb or found.profile:
        found.gamma = None
    return found


def pixels_only(data: bytes) -> bytes:
    """The same picture without the chunks that are not its pixels', and with an end."""
    pieces = [SIGNATURE]
    at = len(SIGNATURE)
    for kind, body in _chunks(data):
        if kind in _OF_THE_PIXELS and kind != b"IEND":
            pieces.append(data[at : at + 12 + len(body)])
        at += 12 + len(body)
    return b"".join([*pieces, b"\x00\x00\x00\x00IEND\xaeB`\x82"])


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        yield kind, data[at + 8 : at + 8 + length]
        if kind == b"IEND":
            return
        at += 12 + length


def _read_text(kind: bytes, body: bytes, found: PngFile) -> None:
    keyword, _, rest = body.partition(b"\x00")
    wanted = keyword.lower()
    if wanted not in (b"raw profile type exif", b"raw profile type app1", b"xml:com.adobe.xmp"):
        return
    if kind == b"zTXt":
        rest = _inflated(rest[1:]) or b""
    elif kind == b"iTXt":  # compression flag and method, language, translated keyword
        packed, rest = rest[:1] == b"\x01", rest[2:]
        rest = rest.partition(b"\x00")[2].partition(b"\x00")[2]
        rest = (_inflated(rest) or b"") if packed else rest
    if wanted == b"xml:com.adobe.xmp":
        found.xmp.append(rest)
    else:
        found.exif.append(raw_profile(rest))


def _inflated(packed: bytes) -> bytes | None:
    """None where it is broken or larger than anything useful."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, _LARGEST_TEXT)
    except zlib.error:
        return None
    return None if unpacker.unconsumed_tail else text
