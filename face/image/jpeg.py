"""JPEG files (ITU-T T.81): their size, turn and colour profile, and the faults that hide no pixel.

Cameras and programs write what the standard forbids and every viewer shows: bytes between segments, wrong progression
parameters in a sequential scan (Samsung), a trailer in place of the end marker. `repaired` writes the same picture as
the standard wants it, so that strict decoding can tell such a file from one that is really cut or damaged.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from face.image.orientation import EXIF_PREFIX, orientation_of
from face.image.tiff import BadHeader

_XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\x00"
_PROFILE_PREFIX = b"ICC_PROFILE\x00"
_END, _SCAN = 0xD9, 0xDA
# Start of frame, any coding; C4, C8 and CC are tables that share the range.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), (0xC2, 0xC6, 0xCA, 0xCE)
_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
# What ends a scan's data: a marker that is neither a stuffed byte nor a restart.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_SEGMENT_MARKER = re.compile(rb"\xff[\xc0-\xfe]")


@dataclass
class JpegFile:
    """What the segments before the pixels say. sampled: samples of all components per pixel, 1.5 for 4:2:0."""

    width: int = 0
    height: int = 0
    components: int = 0
    frame: int = 0
    sampled: float = 3.0
    exif: list[bytes] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)
    profile_parts: dict[int, bytes] = field(default_factory=dict)

    @property
    def orientation(self) -> int:
        return orientation_of(self.exif, self.xmp)

    @property
    def progressive(self) -> bool:
        return self.frame in _PROGRESSIVE

    @property
    def profile(self) -> bytes | None:
        """The ICC profile, put together from its segments (ICC.1:2022, annex B.4)."""
        return b"".join(self.profile_parts[number] for number in sorted(self.profile_parts)) or None


def read_jpeg(data: bytes) -> JpegFile:
    """Raises BadHeader where no size comes before the pixels, or for a coding that is no photograph's."""
    found = JpegFile()
    for marker, start, end in _segments(data):
        segment = data[start + 4 : end]
        if marker in _FRAMES:
            precision, found.height, found.width, found.components = struct.unpack_from(">BHHB", segment)
            found.frame = marker
            if marker in _LOSSLESS:
                raise BadHeader("it is a lossless JPEG, which browsers do not show either; save it as PNG")
            if precision != 8:
                raise BadHeader(f"it has {precision} bits per colour, a JPEG for scanners; save it with 8")
            found.sampled = _samples_per_pixel(segment)
        elif marker == 0xE1 and segment.startswith(EXIF_PREFIX):
            found.exif.append(segment)
        elif marker == 0xE1 and segment.startswith(_XMP_PREFIX):
            found.xmp.append(segment)
        elif marker == 0xE2 and segment.startswith(_PROFILE_PREFIX) and len(segment) > 14:
            found.profile_parts.setdefault(segment[12], segment[14:])
        elif marker == _SCAN:
            break
    if not found.frame:
        raise BadHeader("the pixels begin before their size is given")
    return found


def repaired(data: bytes) -> bytes:
    """The same picture without what lies between and after its segments, with the progression parameters that its
    coding has, and with an end marker. BadHeader as `read_jpeg`."""
    frame = read_jpeg(data).frame
    pieces = [data[:2]]
    for marker, start, end in _segments(data):
        if marker == _SCAN:
            head = bytearray(data[start:end])
            if frame in _SEQUENTIAL and len(head) >= 7:
                head[-3:] = b"\x00\x3f\x00"
            after = _AFTER_SCAN.search(data, end)
            pieces += [bytes(head), data[end : after.start() if after else len(data)]]
        else:
            pieces.append(data[start:end])
    return b"".join([*pieces, b"\xff\xd9"])


def has_all_scans(data: bytes) -> bool:
    """Whether a progressive file has every coefficient to its last bit: without an end marker a missing scan, which
    leaves the picture coarse, cannot be told otherwise."""
    wanted: set[tuple[int, int]] = set()
    for marker, start, end in _segments(data):
        if marker in _FRAMES:
            components = data[start + 10 : end : 3]
            wanted = {(component, frequency) for component in components for frequency in range(64)}
        elif marker == _SCAN:
            count = data[start + 4]
            first, last, approximation = data[start + 5 + 2 * count : start + 8 + 2 * count]
            if approximation & 15 == 0:
                scanned = data[start + 5 : start + 5 + 2 * count : 2]
                wanted -= {(component, frequency) for component in scanned for frequency in range(first, last + 1)}
    return not wanted


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, first byte, end) of each segment with a length; a scan's pixels lie behind its end. Ends at the end
    marker or where nothing more can be made out."""
    at = 2
    while (match := _SEGMENT_MARKER.search(data, at)) is not None:
        start, marker = match.start(), data[match.start() + 1]
        if 0xD0 <= marker <= 0xD8:  # stand alone, without a length
            at = start + 2
            continue
        if marker == _END or start + 4 > len(data):
            return
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        if end < start + 4 or end > len(data):
            if marker in _FRAMES or marker == _SCAN:
                raise BadHeader("the header is cut off")
            return
        yield marker, start, end
        at = end
        if marker == _SCAN:
            after = _AFTER_SCAN.search(data, end)
            if after is None:
                return
            at = after.start()


def _samples_per_pixel(frame: bytes) -> float:
    factors = [(frame[at] >> 4, frame[at] & 15) for at in range(7, len(frame), 3)]
    widest, highest = max(f[0] for f in factors), max(f[1] for f in factors)
    if not widest or not highest:
        raise BadHeader("a component has no samples")
    return sum(across * down for across, down in factors) / (widest * highest)
