"""Strengths 0..255 -> a palette PNG with transparency: the cost of a grey PNG, the look of a coloured overlay.

A palette PNG stores one byte per pixel and the colours once. OpenCV writes grey PNGs only, and the two formats differ
in the header's colour type and in two chunks (PNG specification, third edition, 11.2.1 PLTE, 11.3.1.1 tRNS).
By hand, because Pillow, which writes palettes, takes twice the time: by default always, at its fastest on grainy maps.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

_SIGNATURE_BYTES = 8
_HEADER_CHUNK_BYTES = 25
_COLOUR_TYPE_OFFSET = 9
_PALETTE_COLOUR_TYPE = 3

# Six evenly spaced stops of matplotlib's inferno (CC0), those of the page's legend: evenly rising lightness, told
# apart with every kind of colour blindness.
_STOPS = ((0, 0, 4), (66, 10, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164))
# The strongest value still lets the photograph shine through.
MAX_ALPHA = 0.85


def colour_table() -> npt.NDArray[np.uint8]:
    """(256, 4) uint8 RGBA by strength: 0 is fully transparent, opacity rises linearly to MAX_ALPHA."""
    strength = np.linspace(0.0, 1.0, 256)
    stops = np.array(_STOPS, dtype=np.float64)
    places = np.linspace(0.0, 1.0, len(stops))
    rgb = np.stack([np.interp(strength, places, stops[:, channel]) for channel in range(3)], axis=1)
    alpha = 255.0 * MAX_ALPHA * strength
    return np.round(np.column_stack([rgb, alpha])).astype(np.uint8)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


_TABLE = colour_table()
_PALETTE_CHUNKS = _chunk(b"PLTE", _TABLE[:, :3].tobytes()) + _chunk(b"tRNS", _TABLE[:, 3].tobytes())


def encode_palette_png(strength: npt.NDArray[np.uint8]) -> bytes:
    """(H, W) uint8 strengths -> PNG bytes. ValueError for anything else."""
    if strength.dtype != np.uint8 or strength.ndim != 2 or 0 in strength.shape:
        raise ValueError(f"strengths must be a (H, W) uint8 array, got {strength.dtype} {strength.shape}")
    done, encoded = cv2.imencode(".png", strength)
    if not done:
        raise RuntimeError(f"OpenCV could not encode a {strength.shape} PNG")
    grey: npt.NDArray[Any] = encoded
    data = grey.tobytes()
    end = _SIGNATURE_BYTES + _HEADER_CHUNK_BYTES
    header = bytearray(data[_SIGNATURE_BYTES + 8 : end - 4])
    header[_COLOUR_TYPE_OFFSET] = _PALETTE_COLOUR_TYPE
    return data[:_SIGNATURE_BYTES] + _chunk(b"IHDR", bytes(header)) + _PALETTE_CHUNKS + data[end:]
