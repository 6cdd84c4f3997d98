"""What the first bytes of a file say it is. Never a name or a header field of the request.

By hand, so that a refusal can name what was sent instead (a DICOM file, a video, base64): libraries know the types that
they open and call the rest unknown.
"""

from __future__ import annotations

import re
import struct

from face.image.png import SIGNATURE as PNG_SIGNATURE

# Accepted media type -> its name in a sentence.
ACCEPTED_TYPES = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WebP",
    "image/heic": "HEIC",
    "image/avif": "AVIF",
    "image/tiff": "TIFF",
    "image/bmp": "BMP",
    "image/gif": "GIF",
    "image/jp2": "JPEG 2000",
}

_RAW = "the raw file of a camera: develop it, or send the JPEG beside it"
# Types that are not accepted, by their first bytes: only to tell the sender what was sent.
_OTHER_TYPES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive or office document"),
    (0, b"\x1f\x8b", "gzip: send the picture itself, without compressing it"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL image"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"\x00\x00\x01\x00", "an icon file"),
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (8, b"AVI ", "an AVI video"),
    (8, b"CR\x02\x00", _RAW),
    (4, b"ftypcrx ", _RAW),
    (0, b"IIRO", _RAW),
    (0, b"IIU\x00", _RAW),
    (0, b"FUJIFILMCCD-RAW", _RAW),
)
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}
# Of any still picture in this container; which it is, the compatible brands say.
_STILL_BRANDS = {b"mif1", b"msf1", b"mif2"}
_BMP_HEADER_SIZES = {struct.pack("<I", size) for size in (12, 16, 40, 52, 56, 64, 108, 124)}
_DICOM = "a DICOM file"
_DICOM_GROUPS = re.compile(
    rb"\x02\x00[\x00-\x18]\x00[A-Z]{2}|\x08\x00[\x00\x05\x08]\x00(?:[A-Z]{2}|.\x00\x00\x00)", re.DOTALL
)


def accepted_names(*, heic: bool) -> str:
    names = [name for name in ACCEPTED_TYPES.values() if heic or name != "HEIC"]
    return f"{', '.join(names[:-1])} or {names[-1]}"


def media_type_of(data: bytes) -> str | None:
    """The accepted media type that the bytes begin like, or None."""
    if is_dicom(data):  # whose preamble may hold the head of a TIFF
        return None
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(PNG_SIGNATURE):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[8:12] == b"CR\x02\x00":  # Canon's raw files, which begin like a TIFF
        return None
    if data[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return "image/tiff"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    if data[:12] == b"\x00\x00\x00\x0cjP  \r\n\x87\n" or data[:4] == b"\xff\x4f\xff\x51":
        return "image/jp2"
    # Two letters alone would claim any text that begins with BM; a bitmap has four reserved zero bytes and a known
    # header size.
    if data[:2] == b"BM" and data[6:10] == bytes(4) and data[14:18] in _BMP_HEADER_SIZES:
        return "image/bmp"
    brands = _brands(data)
    if brands & _HEIC_BRANDS:
        return "image/heic"
    if brands & _AVIF_BRANDS:
        return "image/avif"
    return "image/heic" if brands & _STILL_BRANDS else None


def is_dicom(data: bytes) -> bool:
    """PS3.10, 7.1: DICM after a preamble of any content; old files begin with the group 0002 instead, or with the
    character set or type of the picture in group 0008."""
    return data[128:132] == b"DICM" or _DICOM_GROUPS.match(data) is not None


def describe_type(data: bytes) -> str:
    """What bytes that are not an accepted image look like, for a message."""
    if is_dicom(data):
        return _DICOM
    for offset, magic, name in _OTHER_TYPES:
        if data[offset : offset + len(magic)] == magic:
            return name
    if data[4:8] == b"ftyp":
        return "an MP4 or QuickTime video"
    head = data[:512]
    text = head.decode("utf-8", errors="ignore").lstrip("\ufeff \t\r\n")
    lower = text.lower()
    if lower.startswith("data:"):
        return "a data URL: send the bytes that its base64 stands for"
    if lower.startswith(("http://", "https://", "file://")):
        return "an address (URL): send the bytes of the picture, nothing is fetched from here"
    if lower.startswith(("<svg", "<?xml")):
        return "an SVG or XML file"
    if lower.startswith(("<!doctype html", "<html")):
        return "an HTML page"
    if len(head.decode("utf-8", errors="ignore").encode()) >= len(head) - 3 and not any(byte < 9 for byte in head):
        if len(text) < 512 and re.fullmatch(r"@?[\w .:/\\~-]+\.\w{2,5}\s*", text):
            return "a file's name or path: send its bytes (with curl: -F image=@photo.jpg)"
        if len(text) >= 64 and re.fullmatch(r"[A-Za-z0-9+/=_\-\s]+", text):
            return "base64 text: send the bytes that it stands for"
        return "text"
    return "an unknown kind of file"


def _brands(data: bytes) -> set[bytes]:
    """Brands of an ISO base media file (ISO/IEC 14496-12, 4.3): the major one and those it is compatible with."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), len(data), 256)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))}
