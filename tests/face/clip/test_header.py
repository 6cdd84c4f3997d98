"""What a clip's container says, and what is refused before a decoder sees a byte."""

from __future__ import annotations

import struct
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from face.clip.header import read_clip_header
from face.clip.limits import ClipLimits
from face.errors import (
    ClipTooLarge,
    ClipTooLong,
    PreprocessingError,
    UndecodableClip,
    UnsupportedCodec,
    UnsupportedMediaType,
)
from tests.clip_factory import box, element, h264_clip, moving_pictures, webm_clip


def test_an_mp4_tells_codec_size_frames_and_time() -> None:
    header = read_clip_header(h264_clip(moving_pictures(12)))
    assert (header.container, header.codec, header.upright_size) == ("MP4", "H.264", (96, 64))
    assert (header.frames, header.duration_s, header.variable_rate) == (12, pytest.approx(0.4), False)
    assert header.frames_per_s == pytest.approx(30)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_telephone_held_another_way_is_a_rotation(rotation: int) -> None:
    header = read_clip_header(h264_clip(moving_pictures(4), rotation_deg=rotation, brand=b"qt  "))
    assert (header.container, header.rotation_deg) == ("QuickTime", rotation)
    assert header.upright_size == ((96, 64) if rotation % 180 == 0 else (64, 96))


def test_a_variable_rate_is_noticed_and_a_clock_that_rounds_is_not() -> None:
    assert read_clip_header(h264_clip(moving_pictures(6), durations=[20, 20, 60, 20, 20, 20])).variable_rate
    assert not read_clip_header(h264_clip(moving_pictures(6), durations=[20, 21, 20, 19, 20, 99])).variable_rate


@pytest.mark.parametrize(("coding", "codec"), [("VP80", "VP8"), ("VP90", "VP9")])
def test_a_webm_is_counted_block_by_block(tmp_path: Path, coding: str, codec: str) -> None:
    header = read_clip_header(webm_clip(tmp_path, moving_pictures(10), coding=coding))
    assert (header.container, header.codec, header.frames) == ("WebM", codec, 10)
    assert header.duration_s == pytest.approx(0.4, abs=0.01)


def test_a_browsers_recording_without_sizes_is_counted_too() -> None:
    blocks = [
        element(0x1F43B675, element(0xE7, bytes([0, 100 * second])) + _blocks(4), open_ended=True)
        for second in range(3)
    ]
    data = _webm(_video_track("V_VP8") + _sound_track(), *blocks, open_ended=True)
    header = read_clip_header(data)
    assert (header.frames, header.duration_s) == (12, pytest.approx(0.2 + 3 * 0.025 + 0.025))


def test_sound_is_hidden_from_the_decoder() -> None:
    data = _webm(_video_track("V_VP9") + _sound_track(), element(0x1F43B675, element(0xE7, b"\0") + _blocks(4)))
    (place, over), *others = read_clip_header(data).hidden
    assert not others
    assert data[place : place + 1] == b"\xae"
    assert over == b"\xec"
    sound = box(b"trak", box(b"mdia", box(b"hdlr", bytes(8), b"soun", bytes(13))))
    clip = h264_clip(moving_pictures(4), extra_tracks=sound + box(b"udta", b"cover"))
    hidden = read_clip_header(clip).hidden
    assert {clip[place : place + 4] for place, _ in hidden} == {b"trak", b"udta"}
    assert {over for _, over in hidden} == {b"free"}


def test_fragments_are_counted_with_their_times() -> None:
    empty = _without_samples(h264_clip(moving_pictures(3)))
    header = read_clip_header(empty + _fragment(count=5, each=30) + _fragment(count=4, times=[10, 20, 30, 40]))
    assert (header.frames, header.duration_s) == (9, pytest.approx((150 + 100) / 600))


@pytest.mark.parametrize(
    ("coding", "name"),
    [(b"av01", "AV1"), (b"mp4v", "MPEG-4 Part 2"), (b"apch", "ProRes"), (b"encv", "encrypted"), (b"M8RG", "'M8RG'")],
)
def test_another_codec_is_named(coding: bytes, name: str) -> None:
    with pytest.raises(UnsupportedCodec, match=f"{name}.*Send H.264 or HEVC"):
        read_clip_header(h264_clip(moving_pictures(4), coding=coding))


def test_av1_in_webm_is_named() -> None:
    with pytest.raises(UnsupportedCodec, match="AV1"):
        read_clip_header(_webm(_video_track("V_AV1"), element(0x1F43B675, element(0xE7, b"\0") + _blocks(4))))


def test_a_picture_under_a_clips_name_is_called_a_picture() -> None:
    jpeg = cv2.imencode(".jpg", np.zeros((32, 32, 3), np.uint8))[1].tobytes()
    with pytest.raises(UnsupportedMediaType, match="a picture, JPEG, whatever its name says"):
        read_clip_header(jpeg)


@pytest.mark.parametrize("data", [b"RIFF\0\0\0\0AVI LIST", b"#EXTM3U\nhttp://example.org/a.ts\n", b"\0" * 64])
def test_other_files_are_called_by_what_they_look_like(data: bytes) -> None:
    with pytest.raises(UnsupportedMediaType, match=r"looks like .* Send a clip"):
        read_clip_header(data)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("index_first", [False, True])
def test_a_clip_that_is_cut_off_says_so(share: float, index_first: bool) -> None:
    data = h264_clip(moving_pictures(6), index_first=index_first)
    with pytest.raises(UndecodableClip, match=r"missing|not finished"):
        read_clip_header(data[: int(share * len(data))])


def test_a_webm_that_is_cut_off_says_so(tmp_path: Path) -> None:
    data = webm_clip(tmp_path, moving_pictures(10))
    with pytest.raises(UndecodableClip, match="missing"):
        read_clip_header(data[: len(data) * 2 // 3])


def test_no_bytes_are_no_clip() -> None:
    with pytest.raises(UndecodableClip, match="empty"):
        read_clip_header(b"")


def test_sound_alone_is_no_clip() -> None:
    sound = box(b"trak", box(b"mdia", box(b"hdlr", bytes(8), b"soun", bytes(13))))
    with pytest.raises(UndecodableClip, match="no video track"):
        read_clip_header(box(b"ftyp", b"M4A ", bytes(4)) + box(b"moov", sound))


@pytest.mark.parametrize("seed", range(3))
def test_no_damage_raises_anything_but_a_refusal(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    clips = [h264_clip(moving_pictures(4)), webm_clip(tmp_path, moving_pictures(4)), _without_samples(
        h264_clip(moving_pictures(3))
    ) + _fragment(count=4, times=[1, 2, 3, 4])]  # fmt: skip
    for _ in range(300):
        data = bytearray(clips[rng.integers(len(clips))])
        # The pixels are no business of this reader: damage the rest, which is in the first and last kilobyte.
        for _ in range(rng.integers(1, 6)):
            at = rng.integers(min(1000, len(data))) * rng.choice([-1, 1])
            data[at % len(data)] = rng.integers(256)
        with suppress(PreprocessingError):
            ClipLimits().check(read_clip_header(bytes(data)))


@pytest.mark.parametrize(
    "data",
    [
        box(b"ftyp", b"isom", bytes(4)) + 2_000_000 * box(b"free"),
        b"\x1a\x45\xdf\xa3\x80" + element(0x18538067, 6_000_000 * b"\xec\x80"),
    ],
    ids=["boxes", "elements"],
)
def test_a_file_of_millions_of_pieces_is_given_up(data: bytes) -> None:
    started = time.process_time()
    with pytest.raises(UndecodableClip, match="more than 500,000"):
        read_clip_header(data)
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("clip", "error", "sentence"),
    [
        ({"said_size": (7680, 4320)}, ClipTooLarge, "measure 7680 x 4320 pixels; at most 3840 x 2160"),
        ({"durations": [600 * 3600 * 3 // 6] * 6}, ClipTooLong, "lasts 3.0 hours; at most 60 s"),
        ({"durations": [1] * 6}, ClipTooLong, "600 pictures a second; at most 240"),
        ({"durations": [0] * 6}, UndecodableClip, "all at the same time"),
        ({"said_size": (0, 0)}, UndecodableClip, "0 x 0"),
    ],
    ids=["8K", "3 hours", "too fast", "no time", "no size"],
)
def test_limits_are_held_against_the_header(clip: dict[str, object], error: type[Exception], sentence: str) -> None:
    header = read_clip_header(h264_clip(moving_pictures(6), **clip))  # type: ignore[arg-type]
    with pytest.raises(error, match=sentence):
        ClipLimits().check(header)


def test_one_picture_is_no_clip() -> None:
    with pytest.raises(UndecodableClip, match="a single picture; at least 3"):
        ClipLimits().check(read_clip_header(h264_clip(moving_pictures(1))))


def test_limits_of_frames_pixels_and_bytes() -> None:
    header = read_clip_header(h264_clip(moving_pictures(6)))
    ClipLimits().check(header)
    with pytest.raises(ClipTooLong, match="6 pictures; at most 5"):
        ClipLimits(max_frames=5).check(header)
    with pytest.raises(ClipTooLarge, match="6 pictures of 96 x 64"):
        ClipLimits(max_pixels=96 * 64 * 5).check(header)
    with pytest.raises(ClipTooLarge, match="101 bytes; at most 100"):
        ClipLimits(max_bytes=100).check_bytes(101)
    with pytest.raises(ValueError, match="max_frames must be at least 1, got 0"):
        ClipLimits(max_frames=0)


def _webm(tracks: bytes, *clusters: bytes, open_ended: bool = False) -> bytes:
    segment = element(0x18538067, element(0x1654AE6B, tracks) + b"".join(clusters), open_ended=open_ended)
    return element(0x1A45DFA3, element(0x4282, b"webm")) + segment


def _video_track(codec: str) -> bytes:
    size = element(0xB0, struct.pack(">H", 320)) + element(0xBA, struct.pack(">H", 240))
    return element(
        0xAE, element(0xD7, b"\x01") + element(0x83, b"\x01") + element(0x86, codec.encode()) + element(0xE0, size)
    )


def _sound_track() -> bytes:
    return element(0xAE, element(0xD7, b"\x02") + element(0x83, b"\x02") + element(0x86, b"A_OPUS"))


def _blocks(count: int) -> bytes:
    """Pictures every 25 ms, with sound between them."""
    return b"".join(
        element(0xA3, bytes([0x80 | track]) + struct.pack(">hB", 25 * number, 0x80) + b"data")
        for number in range(count)
        for track in (1, 2)
    )


def _without_samples(clip: bytes) -> bytes:
    """The same clip with an empty table of contents: its pictures come in fragments."""
    at = clip.index(b"stts")
    return clip[: at + 8] + bytes(4) + clip[at + 12 :]


def _fragment(*, count: int, each: int = 0, times: list[int] | None = None) -> bytes:
    head = box(b"tfhd", struct.pack(">III", 0x000008, 1, each))
    flags, rows = (0x000101, struct.pack(f">{count}I", *times)) if times else (0x000001, b"")
    run = box(b"trun", struct.pack(">IIi", flags, count, 0), rows)
    return box(b"moof", box(b"traf", head, run)) + box(b"mdat", b"data")


@pytest.mark.parametrize(("said_keys", "every_s"), [(None, 1 / 30), (6, 5 / 30), (1, 1.0)])
def test_how_far_key_pictures_lie_apart(said_keys: int | None, every_s: float) -> None:
    """Without a list of them, every picture is one."""
    header = read_clip_header(h264_clip(moving_pictures(30), said_keys=said_keys))
    assert header.key_every_s == pytest.approx(every_s)
