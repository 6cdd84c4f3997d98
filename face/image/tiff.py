"""The directories of TIFF 6.0 and BigTIFF, which EXIF blocks are too."""

from __future__ import annotations

import struct
from dataclasses import dataclass

WIDTH_TAG, HEIGHT_TAG, BITS_TAG, PHOTOMETRIC_TAG, SAMPLES_TAG = 0x0100, 0x0101, 0x0102, 0x0106, 0x0115
STRIP_ROWS_TAG, TILE_WIDTH_TAG, TILE_HEIGHT_TAG, XMP_TAG, DNG_TAG = 0x0116, 0x0142, 0x0143, 0x02BC, 0xC612
WHITE_IS_ZERO, SENSOR_MOSAIC = 0, 32803
# Kinds of values: struct code by TIFF's number; 16 is BigTIFF's.
_INTEGERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
_BYTES = (1, 7)
# A file may promise 2^64 of them.
_MOST_ENTRIES = 4096


class BadHeader(ValueError):
    """The header contradicts itself or ends too early."""


@dataclass(frozen=True, slots=True)
class _Entry:
    tag: int
    kind: int
    values: int
    place: int


def first_directory(data: bytes) -> dict[int, int]:
    """Tag -> value of the first directory's whole numbers, of several the first. Raises BadHeader, struct.error."""
    order, entries = _entries(data)
    tags: dict[int, int] = {}
    for entry in entries:
        code = _INTEGERS.get(entry.kind)
        if code is None or entry.tag in tags or entry.place + struct.calcsize(code) > len(data):
            continue
        (tags[entry.tag],) = struct.unpack_from(order + code, data, entry.place)
    return tags


def bytes_of(data: bytes, tag: int) -> bytes:
    """The bytes of a tag of the first directory; empty where there is none. Raises BadHeader, struct.error."""
    _, entries = _entries(data)
    found = next((entry for entry in entries if entry.tag == tag and entry.kind in _BYTES), None)
    return data[found.place : found.place + found.values] if found else b""


def _entries(data: bytes) -> tuple[str, list[_Entry]]:
    """The byte order for struct, and the entries that have integers or bytes, with the place of their values."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise BadHeader("no byte order mark")
    (magic,) = struct.unpack_from(order + "H", data, 2)
    big = magic == 43
    # The head gives the directory's place; there come its length and its entries: tag, kind, number, value or place.
    (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    if start >= len(data):
        raise BadHeader("its directory lies behind its end")
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
    first, step, inline = (start + 8, 20, 8) if big else (start + 2, 12, 4)
    entries = []
    for at in range(first, min(first + step * min(count, _MOST_ENTRIES), len(data) - step + 1), step):
        tag, kind, values = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, at)
        size = 1 if kind in _BYTES else struct.calcsize(_INTEGERS.get(kind, "x"))
        if values < 1 or (kind not in _INTEGERS and kind not in _BYTES):
            continue
        place = at + step - inline
        if values * size > inline:
            (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, place)
        entries.append(_Entry(tag, kind, values, place))
    return order, entries
