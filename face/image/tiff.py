"""The directories of TIFF 6.0 and BigTIFF, which EXIF blocks are too."""

from __future__ import annotations

import struct

WIDTH_TAG, HEIGHT_TAG, BITS_TAG, PHOTOMETRIC_TAG, SAMPLES_TAG = 0x0100, 0x0101, 0x0102, 0x0106, 0x0115
WHITE_IS_ZERO = 0
# Kinds of numbers: struct code by TIFF's number; 16 is BigTIFF's.
_INTEGERS = {3: "H", 4: "I", 16: "Q"}


class BadHeader(ValueError):
    """The header contradicts itself or ends too early."""


def first_directory(data: bytes) -> dict[int, int]:
    """Tag -> value of the first directory's whole numbers, of several the first. Raises BadHeader, struct.error."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise BadHeader("no byte order mark")
    (magic,) = struct.unpack_from(order + "H", data, 2)
    big = magic == 43
    # The head gives the directory's place; there come its length and its entries: tag, kind, number, value or place.
    (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
    first, step, inline = (start + 8, 20, 8) if big else (start + 2, 12, 4)
    tags: dict[int, int] = {}
    for at in range(first, min(first + step * count, len(data) - step + 1), step):
        tag, kind, values = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, at)
        code = _INTEGERS.get(kind)
        if code is None or values < 1 or tag in tags:
            continue
        place = at + step - inline
        if values * struct.calcsize(code) > inline:
            (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, place)
        if place + struct.calcsize(code) <= len(data):
            (tags[tag],) = struct.unpack_from(order + code, data, place)
    return tags
