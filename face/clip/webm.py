"""WebM and Matroska files -> header of a clip (RFC 9559).

The pictures are counted, block by block: browsers record without a duration, without an index and with clusters whose
size they do not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from face.clip.clip_header import ClipHeader, Codec, has_variable_rate, unsupported_codec
from face.clip.ebml import EbmlFile, Element, damaged
from face.errors import UndecodableClip

_SEGMENT, _INFO, _TRACKS, _CLUSTER = 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
_TAGS, _ATTACHMENTS, _SEEK_HEAD, _CUES, _CHAPTERS = 0x1254C367, 0x1941A469, 0x114D9B74, 0x1C53BB6B, 0x1043A770
_TOP = {_INFO, _TRACKS, _CLUSTER, _TAGS, _ATTACHMENTS, _SEEK_HEAD, _CUES, _CHAPTERS}
_TIMESTAMP_SCALE, _TRACK, _NUMBER, _TRACK_TYPE = 0x2AD7B1, 0xAE, 0xD7, 0x83
_CODEC, _VIDEO, _WIDTH, _HEIGHT, _ENCODINGS, _DEFAULT_DURATION = 0x86, 0xE0, 0xB0, 0xBA, 0x6D80, 0x23E383
_TIMESTAMP, _SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK = 0xE7, 0xA3, 0xA0, 0xA1
_VIDEO_TYPE = 1
_CODECS: dict[str, Codec] = {
    "V_VP8": "VP8",
    "V_VP9": "VP9",
    # What Chrome records under the name of Matroska.
    "V_MPEG4/ISO/AVC": "H.264",
    "V_MPEGH/ISO/HEVC": "HEVC",
}
_OTHER_CODECS = {"V_AV1": "AV1", "V_MJPEG": "Motion JPEG", "V_MPEG4/ISO/ASP": "MPEG-4 Part 2", "V_THEORA": "Theora"}
# Kind of an element without meaning, of the same length as that of a track's.
_VOID = b"\xec"


@dataclass(frozen=True)
class _Video:
    number: int
    codec: Codec
    width: int
    height: int
    frame_ns: int | None


def read_webm(data: bytes) -> ClipHeader:
    """Raises UndecodableClip and UnsupportedCodec."""
    segment = next((element for element in EbmlFile(data).elements(0, len(data)) if element.kind == _SEGMENT), None)
    if segment is None:
        raise damaged("it has no segment")
    scale_ns, video, hidden = 1_000_000, None, []
    times: list[int] = []
    for element in _inside(segment, stop={_SEGMENT}):
        if element.kind == _INFO:
            scale = element.child(_TIMESTAMP_SCALE)
            scale_ns = scale.unsigned() if scale else scale_ns
        elif element.kind == _TRACKS:
            tracks = [inner for inner in element.children() if inner.kind == _TRACK]
            shown = next((track for track in tracks if _number(track, _TRACK_TYPE) == _VIDEO_TYPE), None)
            video = _video(shown) if shown else None
            hidden = [(track.at, _VOID) for track in tracks if track is not shown]
        elif element.kind == _ATTACHMENTS:
            raise UndecodableClip("The clip carries attached files, which are not read. Send it without them.")
        elif element.kind == _CLUSTER:
            if video is None:
                break
            times += _block_times(element, video.number)
    if video is None:
        raise damaged("it has no video track")
    # Stored in the order of decoding, shown in that of time.
    deltas = np.diff(np.sort(np.array(times, dtype=np.int64)))
    last = video.frame_ns / scale_ns if video.frame_ns else float(np.median(deltas)) if len(deltas) else 0.0
    return ClipHeader(
        container="WebM",
        codec=video.codec,
        width=video.width,
        height=video.height,
        rotation_deg=0,
        frames=len(times),
        duration_s=(float(deltas.sum()) + last) * scale_ns / 1e9,
        variable_rate=has_variable_rate(np.append(deltas, 0)),
        hidden=tuple(hidden),
    )


def _inside(outer: Element, *, stop: set[int]) -> Iterator[Element]:
    """Elements of the segment. One of unknown size reaches to the next of the segment's own."""
    at = outer.start
    while at < outer.end:
        element = next(outer.file.elements(at, outer.end))
        if element.kind in stop:
            return
        if element.open_ended:
            element = _closed(element)
        yield element
        at = element.end


def _closed(cluster: Element) -> Element:
    """The cluster up to where an element begins that cannot lie in one."""
    at = cluster.start
    for inner in cluster.children():
        if inner.kind in _TOP or inner.kind == _SEGMENT:
            break
        at = inner.end
    return Element(cluster.file, cluster.kind, cluster.at, cluster.start, at, False)


def _number(element: Element, kind: int) -> int:
    found = element.child(kind)
    return found.unsigned() if found else 0


def _video(track: Element) -> _Video:
    name = codec.text() if (codec := track.child(_CODEC)) else ""
    if name not in _CODECS:
        raise unsupported_codec(_OTHER_CODECS.get(name, f"of the kind {name!r}"))
    if track.child(_ENCODINGS):
        raise unsupported_codec("packed or encrypted video")
    picture = track.child(_VIDEO)
    if picture is None:
        raise damaged("it does not say how large its pictures are")
    return _Video(
        number=_number(track, _NUMBER),
        codec=_CODECS[name],
        width=_number(picture, _WIDTH),
        height=_number(picture, _HEIGHT),
        frame_ns=_number(track, _DEFAULT_DURATION) or None,
    )


def _block_times(cluster: Element, track: int) -> list[int]:
    base, times = 0, []
    for element in cluster.children():
        if element.kind == _TIMESTAMP:
            base = element.unsigned()
            continue
        block = element.child(_BLOCK) if element.kind == _BLOCK_GROUP else element
        if block is None or block.kind not in (_SIMPLE_BLOCK, _BLOCK):
            continue
        head = block.data[block.start : min(block.end, block.start + 10)]
        # The track's number (one byte, up to 127 tracks), then its time from the cluster's, signed.
        if len(head) < 4 or head[0] < 0x80:
            raise damaged("a block has no head")
        if head[0] & 0x7F == track:
            times.append(base + int.from_bytes(head[1:3], "big", signed=True))
    return times
