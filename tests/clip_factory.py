"""Clips made in code: real H.264 streams in MP4 or QuickTime, and VP8 or VP9 in WebM.

No encoder of H.264 is installed with OpenCV. A stream of I_PCM macroblocks needs none (ITU-T H.264, 7.3.5): every
picture is a key picture whose pixels lie in the stream as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]


def moving_pictures(count: int, *, width: int = 96, height: int = 64) -> list[Picture]:
    """A bright bar that walks from the left to the right over grey, redder from picture to picture."""
    pictures = []
    for index in range(count):
        rgb = np.full((height, width, 3), 90, np.uint8)
        rgb[..., 0] = 60 + 120 * index // max(1, count - 1)
        at = (width - 16) * index // max(1, count - 1)
        rgb[:, at : at + 16] = 220
        pictures.append(rgb)
    return pictures


def bar_at(rgb: Picture) -> float:
    """Where the bar of `moving_pictures` stands, as a share of the way."""
    bright = np.flatnonzero(rgb[..., 2].mean(axis=0) > 160)
    return float(bright.mean() / rgb.shape[1])


def h264_clip(
    pictures: Sequence[Picture],
    *,
    durations: Sequence[int] | None = None,
    timescale: int = 600,
    rotation_deg: int = 0,
    brand: bytes = b"isom",
    coding: bytes = b"avc1",
    said_size: tuple[int, int] | None = None,
    index_first: bool = False,
    extra_tracks: bytes = b"",
    top: bytes = b"",
    said_keys: int | None = None,
) -> bytes:
    """An MP4 file. durations: of each picture in units of a `timescale`-th second, 20 of 600 where none are given.
    said_size, said_keys: what the header claims, of key pictures that they are the first so many. extra_tracks, top:
    more boxes in the table of contents and after the first."""
    samples = [_sample(rgb, number) for number, rgb in enumerate(pictures)]
    height, width = pictures[0].shape[:2]
    durations = durations or [20] * len(pictures)
    first = box(b"ftyp", brand, struct.pack(">I", 512), b"isom") + top
    media = box(b"mdat", *samples)

    def index(at: int) -> bytes:
        return _moov(
            samples,
            at=at,
            size=said_size or (width, height),
            coding=coding,
            parameters=_parameter_sets(width, height),
            durations=durations,
            timescale=timescale,
            rotation_deg=rotation_deg,
            extra=extra_tracks,
            keys=said_keys,
        )

    if index_first:
        return first + index(len(first) + len(index(0)) + 8) + media
    return first + media + index(len(first) + 8)


def webm_clip(folder: Path, pictures: Sequence[Picture], *, coding: str = "VP80", fps: float = 25.0) -> bytes:
    """Through FFmpeg inside OpenCV: VP80 or VP90."""
    path = folder / "clip.webm"
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*coding), fps, (width, height))
    assert writer.isOpened()
    for rgb in pictures:
        writer.write(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    writer.release()
    return path.read_bytes()


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def element(kind: int, content: bytes, *, open_ended: bool = False) -> bytes:
    """Of EBML, with its size in eight bytes."""
    size = b"\x01" + b"\xff" * 7 if open_ended else struct.pack(">Q", len(content) | 1 << 56)
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big") + size + content


def _full(kind: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def _moov(
    samples: Sequence[bytes],
    *,
    at: int,
    size: tuple[int, int],
    coding: bytes,
    parameters: tuple[bytes, bytes],
    durations: Sequence[int],
    timescale: int,
    rotation_deg: int,
    extra: bytes,
    keys: int | None,
) -> bytes:
    total = sum(durations)
    a, b, c, d = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[rotation_deg]
    one = 1 << 16
    matrix = struct.pack(">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    sps, pps = parameters
    configuration = b"".join(
        (b"\x01", sps[1:4], b"\xff\xe1", struct.pack(">H", len(sps)), sps, b"\x01", struct.pack(">H", len(pps)), pps)
    )
    entry = box(
        coding,
        bytes(6),
        struct.pack(">H", 1),
        bytes(16),
        struct.pack(">HHIIIH", *size, 72 << 16, 72 << 16, 0, 1),
        bytes(32),
        struct.pack(">Hh", 24, -1),
        box(b"avcC", configuration),
    )
    stbl = box(
        b"stbl",
        _full(b"stsd", struct.pack(">I", 1), entry),
        _full(b"stts", struct.pack(">I", len(durations)), *(struct.pack(">II", 1, value) for value in durations)),
        _full(b"stsc", struct.pack(">IIII", 1, 1, len(samples), 1)),
        _full(b"stsz", struct.pack(">II", 0, len(samples)), *(struct.pack(">I", len(sample)) for sample in samples)),
        _full(b"stco", struct.pack(">II", 1, at)),
        b"" if keys is None else _full(b"stss", struct.pack(f">{1 + keys}I", keys, *range(1, keys + 1))),
    )
    minf = box(
        b"minf",
        _full(b"vmhd", bytes(8), flags=1),
        box(b"dinf", _full(b"dref", struct.pack(">I", 1), _full(b"url ", flags=1))),
        stbl,
    )
    mdia = box(
        b"mdia",
        _full(b"mdhd", struct.pack(">IIIIHH", 0, 0, timescale, total, 0x55C4, 0)),
        _full(b"hdlr", bytes(4), b"vide", bytes(13)),
        minf,
    )
    tkhd = _full(
        b"tkhd",
        struct.pack(">IIIII", 0, 0, 1, 0, total),
        bytes(16),
        matrix,
        struct.pack(">II", *(side << 16 for side in size)),
        flags=3,
    )
    mvhd = _full(
        b"mvhd",
        struct.pack(">IIIIIH", 0, 0, timescale, total, one, 0x100),
        bytes(10),
        struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, 1 << 30),
        bytes(24),
        struct.pack(">I", 2),
    )
    return box(b"moov", mvhd, box(b"trak", tkhd, mdia), extra)


class _Bits:
    def __init__(self) -> None:
        self._bits = ""

    def u(self, value: int, count: int) -> _Bits:
        self._bits += format(value, f"0{count}b")
        return self

    def ue(self, *values: int) -> _Bits:
        """Exponential Golomb codes (9.1)."""
        for value in values:
            code = format(value + 1, "b")
            self._bits += "0" * (len(code) - 1) + code
        return self

    def bytes(self, *, stop_bit: bool) -> bytes:
        bits = self._bits + ("1" if stop_bit else "")
        bits += "0" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _parameter_sets(width: int, height: int) -> tuple[bytes, bytes]:
    """Constrained baseline, level 4; order of output = order of decoding."""
    sps = _Bits().ue(0, 0, 2, 1).u(0, 1).ue(width // 16 - 1, height // 16 - 1).u(0b1100, 4)
    pps = _Bits().ue(0, 0).u(0, 2).ue(0, 0, 0).u(0, 3).ue(0, 0, 0).u(0, 3)
    return b"\x67\x42\xc0\x28" + sps.bytes(stop_bit=True), b"\x68" + pps.bytes(stop_bit=True)


def _sample(rgb: Picture, number: int) -> bytes:
    """One key picture of I_PCM macroblocks, with its length before it. No emulation prevention is needed: no pixel is
    below 16."""
    height, width = rgb.shape[:2]
    if width % 16 or height % 16:
        raise ValueError(f"a picture of whole macroblocks is needed, got {width}x{height}")
    planes = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420).reshape(-1).clip(16, 240).astype(np.uint8)
    luma = planes[: width * height].reshape(height // 16, 16, width // 16, 16).swapaxes(1, 2)
    blue, red = planes[width * height :].reshape(2, height // 16, 8, width // 16, 8).swapaxes(2, 3)
    slice_head = _Bits().ue(0, 7, 0).u(0, 4).ue(number % 2).u(0, 2).ue(0)
    parts = [b"\x65", slice_head.ue(25).bytes(stop_bit=False)]
    for row in range(height // 16):
        for column in range(width // 16):
            if row or column:
                parts.append(b"\x0d\x00")  # I_PCM, then up to the next whole byte
            parts += [block[row, column].tobytes() for block in (luma, blue, red)]
    unit = b"".join([*parts, b"\x80"])
    return struct.pack(">I", len(unit)) + unit
