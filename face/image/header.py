"""What the first bytes of a file say: its type, its size in pixels and how it has to be turned. No pixel is decoded
here.

By hand, so that limits hold before an image library sees a byte, and so that a refusal can name what was sent instead
(a DICOM file, a video): libraries know the types that they open and call the rest unknown.

Sources: ITU-T T.81 (JPEG), W3C PNG 3rd edition, RFC 9649 (WebP), TIFF 6.0, EXIF 2.32 (tag 0x0112).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ORIENTATION_TAG, _WIDTH_TAG, _HEIGHT_TAG = 0x0112, 0x0100, 0x0101

# Types that are not accepted, by their first bytes: only to tell the sender what was sent.
_OTHER_TYPES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF87a", "a GIF image"),
    (0, b"GIF89a", "a GIF image"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive or office document"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL image"),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"\x00\x00\x01\x00", "an icon file"),
    (0, b"II+\x00", "a BigTIFF image"),
    (0, b"MM\x00+", "a BigTIFF image"),
    (128, b"DICM", "a DICOM file"),
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (8, b"AVI ", "an AVI video"),
)
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}


class BadHeader(ValueError):
    """The header contradicts itself or ends too early."""


@dataclass(frozen=True)
class ImageHeader:
    """Size as stored, before `orientation` (EXIF, 1..8; 1 = upright) is applied. `components` is 0 where it is not in
    the header.
    """

    media_type: str
    width: int
    height: int
    orientation: int
    components: int = 0


def media_type_of(data: bytes) -> str | None:
    """The accepted media type that the bytes begin like, or None."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(_PNG_SIGNATURE):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[:4] in (b"II*\x00", b"MM\x00*"):
        return "image/tiff"
    # Two letters alone would claim any text that begins with BM; a bitmap has four reserved zero bytes and a known
    # header size.
    if data[:2] == b"BM" and data[6:10] == bytes(4) and data[14:18] in _BMP_HEADER_SIZES:
        return "image/bmp"
    return None


_BMP_HEADER_SIZES = {struct.pack("<I", size) for size in (12, 16, 40, 52, 56, 64, 108, 124)}


def describe_type(data: bytes) -> str:
    """What bytes that are not an accepted image look like, for a message."""
    for offset, magic, name in _OTHER_TYPES:
        if data[offset : offset + len(magic)] == magic:
            return name
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        if brand in (b"avif", b"avis"):
            return "an AVIF image"
        return "a HEIC image" if brand in _HEIC_BRANDS else "an MP4 or QuickTime video"
    head = data[:512]
    text = head.decode("utf-8", errors="ignore").lstrip("\ufeff \t\r\n").lower()
    if text.startswith(("<svg", "<?xml")):
        return "an SVG or XML file"
    if text.startswith(("<!doctype html", "<html")):
        return "an HTML page"
    if len(head.decode("utf-8", errors="ignore").encode()) >= len(head) - 3 and not any(byte < 9 for byte in head):
        return "text"
    return "an unknown kind of file"


def read_header(data: bytes, media_type: str) -> ImageHeader:
    """Size and orientation of `data`, which media_type_of() has found to be `media_type`.

    Raises:
        BadHeader: the header is broken or cut off.
    """
    try:
        header = _READERS[media_type](data)
    except (struct.error, IndexError) as error:
        raise BadHeader("the header is cut off") from error
    if header.width < 1 or header.height < 1:
        raise BadHeader(f"the header gives a size of {header.width}x{header.height} pixels")
    return header


def _read_jpeg(data: bytes) -> ImageHeader:
    at, orientation = 2, 1
    while True:
        if data[at] != 0xFF:
            raise BadHeader(f"no marker where one must be, at byte {at}")
        while data[at] == 0xFF:  # markers may be padded
            at += 1
        marker = data[at]
        at += 1
        if marker in (0x01, *range(0xD0, 0xD8)):  # stand alone, without a length
            continue
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2 or marker in (0xD9, 0xDA):
            raise BadHeader("the pixels begin before their size is given")
        segment = data[at + 2 : at + length]
        # Start of frame, any coding; C4, C8 and CC are tables that share the range.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            _, height, width, components = struct.unpack_from(">BHHB", segment)
            return ImageHeader("image/jpeg", width, height, orientation, components)
        if marker == 0xE1 and segment.startswith(b"Exif\x00\x00"):
            orientation = _exif_orientation(segment[6:])
        at += length


def _read_png(data: bytes) -> ImageHeader:
    if data[12:16] != b"IHDR":
        raise BadHeader("the first chunk is not IHDR")
    width, height = struct.unpack_from(">II", data, 16)
    orientation, at = 1, 8
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if data[at + 4 : at + 8] == b"eXIf":
            orientation = _exif_orientation(data[at + 8 : at + 8 + length])
            break
        at += 12 + length
    return ImageHeader("image/png", width, height, orientation)


def _read_webp(data: bytes) -> ImageHeader:
    kind, orientation = data[12:16], 1
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
    at = 12
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        if data[at : at + 4] == b"EXIF":
            orientation = _exif_orientation(data[at + 8 : at + 8 + length].removeprefix(b"Exif\x00\x00"))
            break
        at += 8 + length + length % 2
    return ImageHeader("image/webp", width, height, orientation)


def _read_bmp(data: bytes) -> ImageHeader:
    (header_size,) = struct.unpack_from("<I", data, 14)
    # The oldest bitmaps have 16-bit sizes; later, a negative height means that the rows run from the top.
    width, height = struct.unpack_from("<HH" if header_size == 12 else "<ii", data, 18)
    return ImageHeader("image/bmp", width, abs(height), 1)


def _read_tiff(data: bytes) -> ImageHeader:
    tags = _first_directory(data)
    if _WIDTH_TAG not in tags or _HEIGHT_TAG not in tags:
        raise BadHeader("the first page gives no size")
    return ImageHeader("image/tiff", tags[_WIDTH_TAG], tags[_HEIGHT_TAG], _valid_orientation(tags))


def _exif_orientation(exif: bytes) -> int:
    """Orientation in an EXIF block; 1 where there is none or the block is damaged (the picture itself may be sound)."""
    try:
        return _valid_orientation(_first_directory(exif))
    except (BadHeader, struct.error, IndexError):
        return 1


def _valid_orientation(tags: dict[int, int]) -> int:
    value = tags.get(_ORIENTATION_TAG, 1)
    return value if 1 <= value <= 8 else 1


def _first_directory(data: bytes) -> dict[int, int]:
    """The tags of the first TIFF directory that hold one short or long integer."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise BadHeader("no byte order mark")
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    tags: dict[int, int] = {}
    for at in range(start + 2, min(start + 2 + 12 * count, len(data) - 11), 12):
        tag, kind, values = struct.unpack_from(order + "HHI", data, at)
        if values == 1 and kind in (3, 4) and tag not in tags:
            (tags[tag],) = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, at + 8)
    return tags


_READERS = {
    "image/jpeg": _read_jpeg,
    "image/png": _read_png,
    "image/webp": _read_webp,
    "image/bmp": _read_bmp,
    "image/tiff": _read_tiff,
}
