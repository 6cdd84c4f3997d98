"""What a file's own header says: its size in pixels and how it has to be turned. No pixel is decoded here.

By hand where limits must hold before an image library sees a byte. Sources: RFC 9649 (WebP), TIFF 6.0, and those of
`jpeg.py` and `png.py`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from face.image.jpeg import JpegFile, read_jpeg
from face.image.orientation import UPRIGHT, orientation_of
from face.image.png import read_png
from face.image.tiff import (
    BITS_TAG,
    DNG_TAG,
    HEIGHT_TAG,
    PHOTOMETRIC_TAG,
    SAMPLES_TAG,
    SENSOR_MOSAIC,
    STRIP_ROWS_TAG,
    TILE_HEIGHT_TAG,
    TILE_WIDTH_TAG,
    WHITE_IS_ZERO,
    WIDTH_TAG,
    XMP_TAG,
    BadHeader,
    bytes_of,
    first_directory,
)


@dataclass(frozen=True)
class ImageHeader:
    """Size as stored, before `orientation` (EXIF, 1..8; 1 = upright) is applied.

    held_bytes: that the decoder holds at whatever scale. profile: the ICC profile where the decoder does not give it.
    gamma: of a PNG without profile, the exponent that its values were stored with. bits, white_is_zero: of a TIFF.
    jpeg: what decides how a JPEG is decoded.
    """

    media_type: str
    width: int
    height: int
    orientation: int = UPRIGHT
    held_bytes: float = 0.0
    profile: bytes | None = None
    gamma: float | None = None
    bits: int = 8
    white_is_zero: bool = False
    jpeg: JpegFile | None = None

    @property
    def upright_size(self) -> tuple[int, int]:
        """(width, height) once the orientation is applied."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def read_header(data: bytes, media_type: str) -> ImageHeader | None:
    """Size and orientation of `data`, which media_type_of() has found to be `media_type`; None for a type whose header
    its library reads.

    Raises:
        BadHeader: the header is broken or cut off.
    """
    reader = _READERS.get(media_type)
    if reader is None:
        return None
    try:
        header = reader(data)
    except (struct.error, IndexError) as error:
        raise BadHeader("the header is cut off") from error
    if header.width < 1 or header.height < 1:
        raise BadHeader(f"the header gives a size of {header.width}x{header.height} pixels")
    return header


def _jpeg_header(data: bytes) -> ImageHeader:
    found = read_jpeg(data)
    # A file of several scans is kept whole as coefficients of two bytes until the last one is there.
    held = 0.0 if found.at_once else 2.0 * found.sampled * found.width * found.height
    return ImageHeader("image/jpeg", found.width, found.height, found.orientation, held, found.profile, jpeg=found)


def _png_header(data: bytes) -> ImageHeader:
    found = read_png(data)
    # Pillow's picture, with transparency also as premultiplied, and the copy of the file that is given to Pillow.
    held = found.width * found.height * (13.0 if found.transparent else 5.0) + len(data)
    return ImageHeader(
        "image/png", found.width, found.height, found.orientation, held, found.profile, gamma=found.gamma
    )


def _webp_header(data: bytes) -> ImageHeader:
    kind = data[12:16]
    if kind == b"VP8 ":
        if data[23:26] != b"\x9d\x01\x2a":
            raise BadHeader("the lossy stream has no start code")
        width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", data, 26))
    elif kind == b"VP8L":
        if data[20] != 0x2F:
            raise BadHeader("the lossless stream has no signature")
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    elif kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        if len(data) < 30:
            raise BadHeader("the header is cut off")
    else:
        raise BadHeader(f"unknown first chunk {kind!r}")
    blocks: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        blocks.setdefault(data[at : at + 4], data[at + 8 : at + 8 + min(length, 1_000_000)])
        at += 8 + length + length % 2
    orientation = orientation_of(
        [blocks[name] for name in (b"EXIF",) if name in blocks], [blocks[name] for name in (b"XMP ",) if name in blocks]
    )
    # libwebp's two canvases, the frame that Pillow takes from them, and Pillow's own picture: four bytes in each.
    return ImageHeader("image/webp", width, height, orientation, width * height * 17.0)


def _bmp_header(data: bytes) -> ImageHeader:
    (header_size,) = struct.unpack_from("<I", data, 14)
    # The oldest bitmaps have 16-bit sizes; later, a negative height means that the rows run from the top.
    width, height = struct.unpack_from("<HH" if header_size == 12 else "<ii", data, 18)
    return ImageHeader("image/bmp", width, abs(height), held_bytes=width * abs(height) * 5.0)


def _tiff_header(data: bytes) -> ImageHeader:
    tags = first_directory(data)
    if WIDTH_TAG not in tags or HEIGHT_TAG not in tags:
        raise BadHeader("the first page gives no size")
    if DNG_TAG in tags or tags.get(PHOTOMETRIC_TAG) == SENSOR_MOSAIC:
        raise BadHeader("it is the raw file of a camera; develop it, and send it as JPEG")
    width, height, bits = tags[WIDTH_TAG], tags[HEIGHT_TAG], tags.get(BITS_TAG, 1)
    # A strip or tile is unpacked as stored beside the picture, and may be as large as the picture, or much larger.
    rows = tags.get(TILE_HEIGHT_TAG, min(height, tags.get(STRIP_ROWS_TAG, height)))
    unpacked = tags.get(TILE_WIDTH_TAG, width) * rows * tags.get(SAMPLES_TAG, 1) * bits / 8
    return ImageHeader(
        "image/tiff",
        width,
        height,
        orientation_of([data], [bytes_of(data, XMP_TAG)]),
        width * height * 9.0 + unpacked,  # with transparency or turned there is a second copy
        bits=bits,
        white_is_zero=tags.get(PHOTOMETRIC_TAG) == WHITE_IS_ZERO,
    )


_READERS = {
    "image/jpeg": _jpeg_header,
    "image/png": _png_header,
    "image/webp": _webp_header,
    "image/bmp": _bmp_header,
    "image/tiff": _tiff_header,
}
