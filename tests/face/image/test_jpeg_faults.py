"""JPEGs with faults: those that hide no pixel are read to the last bit, those that do are refused."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from face.errors import UndecodableImage
from face.image.decode import decode_image
from tests import factories
from tests.face.image.test_kinds_of_files import saved, smooth, with_segment

JPEG_FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "no end marker": lambda j: j[:-2],
    "zeros behind the end": lambda j: j + bytes(5000),
    "a film behind the end": lambda j: j + b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40,
    "a trailer in place of the end": lambda j: j[:-2] + b"\0\0\x30\x0a\x10\0\0\0MotionPhoto_Data" + bytes(9000),
    "bytes between segments": lambda j: j[:20] + bytes(3) + j[20:],
    "bytes between segments and no end": lambda j: j[:20] + b"\0\xfe" + j[20:-2],
    "anything in place of the end": lambda j: j[:-2] + random.Random(7).randbytes(50_000),
    "half an end marker": lambda j: j[:-1],
    "padded markers": lambda j: j[:2] + b"\xff\xff" + j[2:],
    "a comment without content": lambda j: with_segment(j, 0xFE, b""),
    "progression parameters in a sequential scan": lambda j: _other_scan_parameters(j),
}


def _other_scan_parameters(jpeg: bytes) -> bytes:
    at = jpeg.index(b"\xff\xda")
    end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return jpeg[: end - 3] + b"\x00\x00\x00" + jpeg[end:]


@pytest.mark.parametrize("fault", JPEG_FAULTS)
@pytest.mark.parametrize("longer_side_px", [None, 80])
def test_harmless_faults_of_jpegs(fault: str, longer_side_px: int | None) -> None:
    sound = saved(smooth(), "JPEG", quality=95)
    expected = decode_image(sound, longer_side_px=longer_side_px).rgb
    found = decode_image(JPEG_FAULTS[fault](sound), longer_side_px=longer_side_px).rgb
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("trailer", [b"", b"\0\0\x30\x0a", random.Random(7).randbytes(50_000)])
@pytest.mark.parametrize("kind", ["progressive", "restarted", "ink"])
def test_other_jpegs_without_their_end(kind: str, trailer: bytes) -> None:
    picture = Image.fromarray(smooth()).convert("CMYK") if kind == "ink" else smooth()
    options = {"progressive": {"progressive": True}, "restarted": {"restart_marker_blocks": 7}, "ink": {}}[kind]
    sound = saved(picture, "JPEG", quality=95, **options)
    np.testing.assert_array_equal(decode_image(sound[:-2] + trailer).rgb, decode_image(sound).rgb)


def test_zeros_before_restart_markers() -> None:
    sound = saved(smooth(), "JPEG", quality=95, restart_marker_blocks=7)
    padded = re.sub(rb"\xff[\xd0-\xd7]", lambda marker: bytes(3) + marker[0], sound)
    assert len(padded) > len(sound)
    np.testing.assert_array_equal(decode_image(padded).rgb, decode_image(sound).rgb)


def test_zeros_before_restart_markers_that_are_coded_bits() -> None:
    """The colours of a plain block are eight zeros, which are a byte of their own at the end of one interval in eight;
    phones that write restarts write the scan's parameters wrong besides."""
    picture = np.full((512, 64, 3), 128, np.uint8)
    picture[:, :16] = np.random.default_rng(0).integers(0, 256, (512, 16, 1), np.uint8)
    sound = saved(picture, "JPEG", quality=95, restart_marker_rows=1, subsampling="4:2:0")
    assert re.search(rb"\x00\xff[\xd0-\xd7]", sound)
    found = decode_image(_other_scan_parameters(sound)).rgb
    np.testing.assert_array_equal(found, decode_image(sound).rgb)


def test_a_jpeg_that_lacks_an_interval_is_refused() -> None:
    sound = saved(smooth(), "JPEG", quality=95, restart_marker_blocks=7)
    second, third = (sound.index(bytes([0xFF, marker])) for marker in (0xD1, 0xD2))
    with pytest.raises(UndecodableImage, match="damaged"):
        decode_image(sound[:second] + sound[third:])


@pytest.mark.parametrize("also", [b"", b"\xff\xd9"])
def test_a_cut_jpeg_of_ink_is_refused(also: bytes) -> None:
    sound = saved(Image.fromarray(factories.astronaut()).convert("CMYK"), "JPEG", quality=90)
    with pytest.raises(UndecodableImage, match="cut off"):
        decode_image(sound[: len(sound) // 2] + also)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.97])
@pytest.mark.parametrize("also", ["nothing", "end", "trailer", "stray"])
def test_a_cut_jpeg_is_refused_whatever_else_is_wrong(progressive: bool, share: float, also: str) -> None:
    if also == "trailer" and (progressive or share > 0.9):
        pytest.skip("bytes in place of a few last ones decode to pixels that nothing tells from sound ones")
    sound = saved(factories.astronaut(), "JPEG", quality=90, progressive=progressive)
    cut = sound[: int(len(sound) * share)]
    broken = {
        "nothing": cut,
        "end": cut + b"\xff\xd9",
        "trailer": cut + b"MotionPhoto_Data" + bytes(9000),
        "stray": cut[:20] + bytes(3) + cut[20:],
    }[also]
    with pytest.raises(UndecodableImage):
        decode_image(broken)


def test_a_progressive_jpeg_that_lacks_whole_scans_is_cut() -> None:
    sound = saved(factories.astronaut(), "JPEG", quality=90, progressive=True)
    last = sound.rindex(b"\xff\xda")
    before = sound.rindex(b"\xff\xc4", 0, last)  # the last scan's own table
    with pytest.raises(UndecodableImage, match="cut off"):
        decode_image(sound[:before])


def test_twelve_bits_are_named() -> None:
    sound = bytearray(saved(smooth(), "JPEG"))
    sound[sound.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(UndecodableImage, match="12 bits per colour"):
        decode_image(bytes(sound))


def test_a_frame_without_components_is_refused() -> None:
    """SOF of six bytes: precision, size and the number of components that do not follow."""
    empty = b"\xff\xd8\xff\xc0\x00\x08\x08\x00\x10\x00\x10\x03\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + bytes(40)
    with pytest.raises(UndecodableImage, match="no components"):
        decode_image(empty)
