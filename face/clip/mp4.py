"""MP4 and QuickTime files -> header of a clip (ISO/IEC 14496-12; fragments as browsers record them, 8.8).

Sources: ISO/IEC 14496-15 (sample entries of H.264 and HEVC), the VP codec ISO media binding (vp08, vp09), QuickTime
File Format (2016).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face.clip.clip_header import ClipHeader, Codec, has_variable_rate, unsupported_codec
from face.clip.iso_bmff import Box, BoxFile, cut_off, damaged
from face.errors import UndecodableClip

_CODECS: dict[bytes, Codec] = {
    b"avc1": "H.264",
    b"avc3": "H.264",
    b"hvc1": "HEVC",
    b"hev1": "HEVC",
    b"vp08": "VP8",
    b"vp09": "VP9",
}
_OTHER_CODECS = {
    b"av01": "AV1",
    b"mp4v": "MPEG-4 Part 2",
    b"s263": "H.263",
    b"jpeg": "Motion JPEG",
    b"mjpa": "Motion JPEG",
    b"vvc1": "VVC",
    b"vvi1": "VVC",
    b"apcn": "ProRes",
    b"apch": "ProRes",
    b"apcs": "ProRes",
    b"apco": "ProRes",
    b"ap4h": "ProRes",
    b"dvh1": "Dolby Vision without a plain HEVC layer",
    b"dvhe": "Dolby Vision without a plain HEVC layer",
    b"encv": "encrypted video",
    b"png ": "PNG pictures",
    b"raw ": "uncompressed video",
}
# A box of this name is skipped by every reader, whatever it holds.
_SKIPPED = b"free"


# Fields of a fragment's headers (8.8.7, 8.8.8) in the order in which they are written, by the flag that has them there.
_TFHD_BEFORE_DURATION = ((0x000001, 8), (0x000002, 4))
_TFHD_DURATION = 0x000008
_TRUN_BEFORE_SAMPLES = ((0x000001, 4), (0x000004, 4))
_TRUN_SAMPLE_DURATION = 0x000100
_TRUN_PER_SAMPLE = (0x000100, 0x000200, 0x000400, 0x000800)
# Frames that are counted at most. Any limit is lower.
_MOST_FRAMES = 1_000_000

Deltas = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Video:
    """The video track: its box, the number by which fragments name it, its units of time a second."""

    box: Box
    number: int
    timescale: int


def read_mp4(data: bytes) -> ClipHeader:
    """Raises UndecodableClip and UnsupportedCodec."""
    top = list(BoxFile(data).boxes())
    movie = next((box for box in top if box.kind == b"moov"), None)
    if movie is None:
        raise UndecodableClip(
            "The clip has no table of contents (moov box), which cameras write last: the recording or the upload was "
            "not finished. Record or send it again."
        )
    tracks = [box for box in movie.children() if box.kind == b"trak"]
    videos = [track for track in tracks if _handler(track) == b"vide"]
    if not videos:
        raise damaged("it has sound or data, but no video track" if tracks else "it has no track")
    # The first is what players show. Others, as a second lens writes them, would only start more decoders.
    video = _Video(videos[0], _field(videos[0].child(b"tkhd"), 12, 20), _timescale(videos[0]))
    codec, width, height = _coding(video.box)
    indexed = _indexed(video.box)
    deltas = np.concatenate([indexed, *_fragments(movie, top, video)])
    duration_s = float(deltas.sum()) / video.timescale
    keys = _key_pictures(video.box, of=len(indexed))
    _check_data(video.box)
    hidden = [box for box in (*top, *movie.children()) if box.kind in (b"udta", b"meta")]
    hidden += [track for track in tracks if track is not video.box]
    return ClipHeader(
        container="QuickTime" if data[4:12] == b"ftypqt  " or data[4:8] != b"ftyp" else "MP4",
        codec=codec,
        width=width,
        height=height,
        rotation_deg=_rotation(video.box.child(b"tkhd")),
        frames=len(deltas),
        duration_s=duration_s,
        variable_rate=has_variable_rate(deltas),
        key_every_s=duration_s / keys if keys and len(indexed) == len(deltas) else None,
        hidden=tuple((box.at + 4, _SKIPPED) for box in hidden),
    )


def _field(box: Box, short: int, long: int, *, form: str = "I") -> int:
    """A number that lies at `short`, or at `long` where the box's version 1 has 64-bit times before it."""
    (version,) = box.unpack("B")
    return box.unpack(form, long if version == 1 else short)[0]


def _handler(track: Box) -> bytes:
    handler = track.child(b"mdia", b"hdlr")
    return handler.data[handler.start + 8 : handler.start + 12]


def _timescale(track: Box) -> int:
    timescale = _field(track.child(b"mdia", b"mdhd"), 12, 20)
    if timescale < 1:
        raise damaged(f"its video track counts {timescale} units a second")
    return timescale


def _coding(track: Box) -> tuple[Codec, int, int]:
    """Codec, width and height by the sample descriptions, which must agree."""
    descriptions = list(track.child(b"mdia", b"minf", b"stbl", b"stsd").children(skip=8))
    if not descriptions:
        raise damaged("it does not say how its pictures are coded")
    found: set[tuple[Codec, int, int]] = set()
    for box in descriptions:
        if box.kind not in _CODECS:
            raise unsupported_codec(_OTHER_CODECS.get(box.kind, f"of the kind {box.kind.decode('latin-1')!r}"))
        width, height = box.unpack("HH", 24)
        found.add((_CODECS[box.kind], width, height))
    if len(found) > 1:
        raise damaged("its pictures change their coding or size half way")
    return found.pop()


def _indexed(track: Box) -> Deltas:
    """Time of each picture that the table of contents lists (stts), in the track's units."""
    table = track.child(b"mdia", b"minf", b"stbl", b"stts")
    (entries,) = table.unpack("I", 4)
    if table.start + 8 + 8 * entries > table.end:
        raise damaged("its table of times is too short")
    runs = np.frombuffer(table.data, dtype=">u4", count=2 * entries, offset=table.start + 8).reshape(-1, 2)
    _check_count(int(runs[:, 0].astype(np.int64).sum()))
    return np.repeat(runs[:, 1].astype(np.int64), runs[:, 0].astype(np.int64))


def _key_pictures(track: Box, *, of: int) -> int:
    """How many of the listed pictures can be decoded by themselves (stss); all of them where there is no such list."""
    table = track.child(b"mdia", b"minf", b"stbl")
    listed = next((box for box in table.children() if box.kind == b"stss"), None)
    return of if listed is None else min(of, listed.unpack("I", 4)[0])


def _fragments(movie: Box, top: Iterable[Box], video: _Video) -> Iterator[Deltas]:
    """Times of the pictures in fragments (moof), as browsers and some telephones record."""
    default = 0
    for extends in (box for box in movie.children() if box.kind == b"mvex"):
        for box in extends.children():
            if box.kind == b"trex" and box.unpack("I", 4)[0] == video.number:
                (default,) = box.unpack("I", 12)
    counted = 0
    for fragment in (box for box in top if box.kind == b"moof"):
        for track in (box for box in fragment.children() if box.kind == b"traf"):
            head = track.child(b"tfhd")
            if head.unpack("I", 4)[0] != video.number:
                continue
            (flags,) = head.unpack("I")
            at = 8 + sum(size for flag, size in _TFHD_BEFORE_DURATION if flags & flag)
            each = head.unpack("I", at)[0] if flags & _TFHD_DURATION else default
            for run in (box for box in track.children() if box.kind == b"trun"):
                deltas = _run(run, each)
                counted += len(deltas)
                _check_count(counted)
                yield deltas


def _run(run: Box, default: int) -> Deltas:
    flags, count = run.unpack("II")
    _check_count(count)
    at = 8 + sum(size for flag, size in _TRUN_BEFORE_SAMPLES if flags & flag)
    fields = sum(1 for flag in _TRUN_PER_SAMPLE if flags & flag)
    if run.start + at + 4 * fields * count > run.end:
        raise damaged("the list of pictures of a fragment is too short")
    if not flags & _TRUN_SAMPLE_DURATION:
        return np.full(count, default, dtype=np.int64)
    rows = np.frombuffer(run.data, dtype=">u4", count=fields * count, offset=run.start + at)
    return rows.reshape(count, fields)[:, 0].astype(np.int64)


def _check_count(count: int) -> None:
    if count > _MOST_FRAMES:
        raise damaged(f"its table of contents lists {count:,} pictures")


def _check_data(track: Box) -> None:
    """That the pictures' data lie inside the file: a table of contents may stand in front of what was cut off."""
    table = track.child(b"mdia", b"minf", b"stbl")
    for kind, size, code in ((b"stco", 4, ">u4"), (b"co64", 8, ">u8")):
        for box in (inner for inner in table.children() if inner.kind == kind):
            (entries,) = box.unpack("I", 4)
            if box.start + 8 + size * entries > box.end:
                raise damaged("its table of places is too short")
            places = np.frombuffer(box.data, dtype=code, count=entries, offset=box.start + 8)
            if entries and int(places.max()) >= len(box.data):
                raise cut_off(int(places.max()) + 1 - len(box.data), missing=True)


def _rotation(head: Box) -> int:
    """Degrees clockwise by which the track is to be turned: the matrix of its header, in quarter turns."""
    (version,) = head.unpack("B")
    a, b = head.unpack("ii", 52 if version == 1 else 40)
    return round(math.degrees(math.atan2(b, a)) / 90) % 4 * 90
