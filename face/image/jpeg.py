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
_END, _SCAN, _RESTART_INTERVAL = 0xD9, 0xDA, 0xDD
# Start of frame, any coding; C4, C8 and CC are tables that share the range.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = (0xC0, 0xC1, 0xC9)
_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
# Huffman and arithmetic tables, quantisation, restart interval, JFIF, Adobe's colours: what decoding needs.
_FOR_PIXELS = (0xC4, 0xCC, 0xDB, _RESTART_INTERVAL, 0xE0, 0xEE)
# What ends a scan's data: a marker that is neither a stuffed byte nor, where there are any, a restart.
_AFTER_SCAN, _AFTER_RESTARTED = re.compile(rb"\xff[^\x00\xff]"), re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_SEGMENT_MARKER = re.compile(rb"\xff[\xc0-\xfe]")
# Zeros before a restart: a writer's padding, or the last coded bits (Samsung, one interval in thirty).
_PADDING = re.compile(rb"(?<![\x00\xff])\x00+(?=\xff[\xd0-\xd7])")
# Progressive files have about ten. Each costs time for the whole picture, even where it says nothing.
_MOST_SCANS = 64


@dataclass
class JpegFile:
    """What the segments before the pixels say. sampled: samples of all components per pixel, 1.5 for 4:2:0. at_once:
    the first scan holds the whole picture, so that its rows can be decoded one by one."""

    width: int = 0
    height: int = 0
    components: int = 0
    frame: int = 0
    sampled: float = 3.0
    at_once: bool = True
    exif: list[bytes] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)
    profile_parts: dict[int, bytes] = field(default_factory=dict)

    @property
    def orientation(self) -> int:
        return orientation_of(self.exif, self.xmp)

    @property
    def profile(self) -> bytes | None:
        """The ICC profile, put together from its segments (ICC.1:2022, annex B.4)."""
        return b"".join(self.profile_parts[number] for number in sorted(self.profile_parts)) or None


def read_jpeg(data: bytes) -> JpegFile:
    """Raises BadHeader where no size comes before the pixels, or for a coding that is no photograph's."""
    found = JpegFile()
    for segment in _segments(data):
        content = data[segment.start + 4 : segment.end]
        if segment.marker in _FRAMES and not found.frame:
            precision, found.height, found.width, found.components = struct.unpack_from(">BHHB", content)
            found.frame = segment.marker
            if found.frame in _LOSSLESS:
                raise BadHeader("it is a lossless JPEG, which browsers do not show either; save it as PNG")
            if precision != 8:
                raise BadHeader(f"it has {precision} bits per colour, a JPEG for scanners; save it with 8")
            found.sampled = _samples_per_pixel(content)
        elif segment.marker == 0xE1 and content.startswith(EXIF_PREFIX):
            found.exif.append(content)
        elif segment.marker == 0xE1 and content.startswith(_XMP_PREFIX):
            found.xmp.append(content)
        elif segment.marker == 0xE2 and content.startswith(_PROFILE_PREFIX) and len(content) > 14:
            found.profile_parts.setdefault(content[12], content[14:])
        elif segment.marker == _SCAN:
            found.at_once = found.frame in _SEQUENTIAL and content[0] == found.components
            break
        elif segment.marker == _END:
            break
    if not found.frame:
        raise BadHeader("the pixels begin before their size is given")
    if not found.at_once and data.count(b"\xff\xda") > _MOST_SCANS:
        scans = sum(segment.marker == _SCAN for segment in _segments(data))
        if scans > _MOST_SCANS:
            raise BadHeader(f"it has {scans} scans, and photographs have about ten")
    return found


def repaired(data: bytes, *, padded: bool = False) -> tuple[bytes, bool]:
    """The same picture without what lies between and after its segments, with the progression parameters that its
    coding has, and with an end marker; and whether it is whole: it came with an end marker, or every coefficient of it
    is there to its last bit. Without either a missing scan, which leaves a picture coarse, cannot be told.

    padded: without the zeros before restarts, too. Whether they are padding only decoding can tell."""
    pieces, frame = [data[:2]], 0
    missing: set[tuple[int, int]] = set()
    ended = False
    for segment in _segments(data):
        content = data[segment.start : segment.end]
        if segment.marker in _FRAMES and not frame:
            frame = segment.marker
            missing = {(component, frequency) for component in content[10::3] for frequency in range(64)}
            pieces.append(content)
        elif segment.marker in _FOR_PIXELS:
            pieces.append(content)
        elif segment.marker == _SCAN and frame:
            head = bytearray(content)
            if frame in _SEQUENTIAL:
                head[-3:] = b"\x00\x3f\x00"
            coded = data[segment.end : segment.after]
            pieces += [bytes(head), _PADDING.sub(b"", coded) if padded else coded]
            first, last, approximation = head[-3:]
            if approximation & 15 == 0:
                scanned = head[5 : 5 + 2 * head[4] : 2]
                missing -= {(component, frequency) for component in scanned for frequency in range(first, last + 1)}
            if not missing:
                break  # what follows is no part of this picture
        elif segment.marker == _END:
            ended = True
            break
    return b"".join([*pieces, b"\xff\xd9"]), ended or not missing


@dataclass(frozen=True, slots=True)
class _Segment:
    """start: of the marker. end: of the content. after: of a scan, the end of its data."""

    marker: int
    start: int
    end: int
    after: int


def _segments(data: bytes) -> Iterator[_Segment]:
    """The segments that have a length, and the end marker. Ends there, or where nothing more can be made out."""
    at, after_scan = 2, _AFTER_SCAN
    while (match := _SEGMENT_MARKER.search(data, at)) is not None:
        start, marker = match.start(), data[match.start() + 1]
        if 0xD0 <= marker <= 0xD8:  # stand alone, without a length
            at = start + 2
            continue
        if marker == _END:
            yield _Segment(marker, start, start + 2, start + 2)
            return
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        if end < start + 4 or end > len(data):
            if marker in _FRAMES or marker == _SCAN:
                raise BadHeader("the header is cut off")
            return
        if marker == _RESTART_INTERVAL:
            after_scan = _AFTER_RESTARTED if any(data[start + 4 : end]) else _AFTER_SCAN
        at = end
        if marker == _SCAN:
            after = after_scan.search(data, end)
            at = after.start() if after else len(data)
        yield _Segment(marker, start, end, at)


def _samples_per_pixel(frame: bytes) -> float:
    factors = [(frame[at] >> 4, frame[at] & 15) for at in range(7, len(frame), 3)]
    widest, highest = (max((factor[axis] for factor in factors), default=0) for axis in (0, 1))
    if not widest or not highest:
        raise BadHeader("it has no components, or one without samples")
    return sum(across * down for across, down in factors) / (widest * highest)
