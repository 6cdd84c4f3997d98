"""Pictures of a clip, out of a process that is allowed little and never outlives its work."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pytest

from face.clip.limits import ClipLimits
from face.errors import ClipTooLarge, UndecodableClip
from service.admission.byte_budget import ByteBudget
from service.clips.decoding import Clip, ClipDecoder, DecodingLimits
from service.clips.errors import ClipOverran, ClipsBusy
from tests.clip_factory import bar_at, box, h264_clip, moving_pictures, webm_clip


def clip_of(data: bytes) -> Clip:
    return Clip.of(data, limits=ClipLimits())


def decoders() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if any("decoder.py" in part for part in process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def long_clip() -> Clip:
    """About 28 MB of pictures: more than the pipe holds, so that the decoder waits for its reader."""
    return clip_of(h264_clip(moving_pictures(60, width=480, height=320)))


@pytest.fixture(autouse=True)
def _no_child_is_left() -> object:
    yield
    assert decoders() == []


def test_pictures_come_in_the_order_of_time() -> None:
    frames = list(ClipDecoder().frames(clip_of(h264_clip(moving_pictures(12))), longer_side_px=96))
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.time_s for frame in frames] == pytest.approx([number / 30 for number in range(12)])
    places = [bar_at(frame.rgb) for frame in frames]
    assert places == sorted(places)
    assert places[0] < 0.1
    assert places[-1] > 0.9


def test_colours_are_those_that_were_sent() -> None:
    first, *_, last = ClipDecoder().frames(clip_of(h264_clip(moving_pictures(12))), longer_side_px=96)
    assert first.rgb[40, 60].astype(int) == pytest.approx([60, 90, 90], abs=6)
    assert last.rgb[40, 20].astype(int) == pytest.approx([180, 90, 90], abs=6)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_clip_comes_upright(rotation: int) -> None:
    pictures = moving_pictures(4)
    plain = list(ClipDecoder().frames(clip_of(h264_clip(pictures)), longer_side_px=96))
    turned = list(ClipDecoder().frames(clip_of(h264_clip(pictures, rotation_deg=rotation)), longer_side_px=96))
    for one, other in zip(plain, turned, strict=True):
        np.testing.assert_array_equal(np.rot90(one.rgb, -rotation // 90), other.rgb)


@pytest.mark.parametrize("coding", ["VP80", "VP90"])
def test_webm_is_read(tmp_path: Path, coding: str) -> None:
    frames = list(
        ClipDecoder().frames(clip_of(webm_clip(tmp_path, moving_pictures(10), coding=coding)), longer_side_px=96)
    )
    assert len(frames) == 10
    assert bar_at(frames[-1].rgb) > 0.9


def test_times_of_a_variable_rate_are_kept() -> None:
    clip = clip_of(h264_clip(moving_pictures(6), durations=[20, 60, 20, 90, 20, 20]))
    times = [frame.time_s for frame in ClipDecoder().frames(clip, longer_side_px=96)]
    assert times == pytest.approx(np.cumsum([0, 20, 60, 20, 90, 20]) / 600)


def test_pictures_are_reduced_by_whole_numbers_and_thinned_out() -> None:
    clip = clip_of(h264_clip(moving_pictures(30, width=192, height=128)))
    frames = list(ClipDecoder().frames(clip, longer_side_px=64, step_s=0.1))
    assert {frame.rgb.shape for frame in frames} == {(42, 64, 3)}
    assert [frame.index for frame in frames] == list(range(0, 30, 3))


@pytest.mark.parametrize("durations", [[20] * 150, [20] * 40 + [120] * 20 + [20] * 90], ids=["steady", "variable"])
def test_single_pictures_are_those_of_the_whole_run(durations: list[int]) -> None:
    clip = clip_of(h264_clip(moving_pictures(150), durations=durations))
    frames = list(ClipDecoder().frames(clip, longer_side_px=96))
    chosen = [frames[at] for at in (0, 1, 70, 100, 149)]
    stills = list(ClipDecoder().stills(clip, [frame.time_s for frame in chosen], longer_side_px=96))
    assert [still.index for still in stills] == list(range(5))
    for frame, still in zip(chosen, stills, strict=True):
        np.testing.assert_array_equal(frame.rgb, still.rgb)


def test_times_must_ascend() -> None:
    with pytest.raises(ValueError, match=r"times_s must ascend .* got \[1.0, 1.0\]"):
        next(iter(ClipDecoder().stills(clip_of(h264_clip(moving_pictures(4))), [1.0, 1.0], longer_side_px=96)))


def test_what_is_no_video_track_never_reaches_the_decoder() -> None:
    """A second track asks for a decoder that is not on the list; FFmpeg alone would open it."""
    other = h264_clip(moving_pictures(4), coding=b"M8RG")
    track = other[other.index(b"trak") - 4 :]
    clip = clip_of(h264_clip(moving_pictures(8), extra_tracks=track + box(b"udta", b"cover")))
    assert len(clip.header.hidden) == 2
    assert len(list(ClipDecoder().frames(clip, longer_side_px=96))) == 8


def test_a_header_that_lies_about_the_size_is_found_out() -> None:
    clip = clip_of(h264_clip(moving_pictures(8), said_size=(48, 32)))
    with pytest.raises(UndecodableClip, match="measure 48 x 32 pixels, but not all do"):
        list(ClipDecoder().frames(clip, longer_side_px=96))


def test_pictures_that_are_noise_are_damaged() -> None:
    data = bytearray(h264_clip(moving_pictures(30)))
    at = data.index(b"mdat") + 4
    data[at + 20_000 : at + 250_000] = np.random.default_rng(1).integers(0, 256, 230_000, dtype=np.uint8).tobytes()
    with pytest.raises(UndecodableClip, match=r"of them can be decoded|damaged"):
        list(ClipDecoder().frames(clip_of(bytes(data)), longer_side_px=96))


def test_who_leaves_early_leaves_no_process() -> None:
    with closing(ClipDecoder().frames(long_clip(), longer_side_px=480)) as frames:
        next(frames)
        assert len(decoders()) == 1
    assert decoders() == []


def test_a_fault_in_the_readers_loop_leaves_no_process() -> None:
    def look() -> None:
        with closing(ClipDecoder().frames(long_clip(), longer_side_px=480)) as frames:
            for _ in frames:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look()
    assert decoders() == []


def test_the_deadline_ends_the_work() -> None:
    decoder = ClipDecoder(DecodingLimits(deadline_s=1))
    started = time.monotonic()
    slowly = (time.sleep(0.2) for _ in decoder.frames(long_clip(), longer_side_px=480))
    with pytest.raises(ClipOverran, match="longer than 1 s"):
        list(slowly)
    assert time.monotonic() - started < 10  # all pictures would take 12 s


def test_a_decoder_without_memory_is_a_sentence() -> None:
    decoder = ClipDecoder(DecodingLimits(memory_bytes=200_000_000))
    with pytest.raises(UndecodableClip, match="more memory or time than it may"):
        list(decoder.frames(clip_of(h264_clip(moving_pictures(8))), longer_side_px=96))


def test_clips_take_turns() -> None:
    decoder = ClipDecoder(DecodingLimits(at_once=1, wait_s=0.1))
    with closing(decoder.frames(long_clip(), longer_side_px=480)) as frames:
        next(frames)
        with pytest.raises(ClipsBusy, match="1 clips are being decoded"):
            next(decoder.frames(long_clip(), longer_side_px=480))
    assert len(list(decoder.frames(clip_of(h264_clip(moving_pictures(4))), longer_side_px=96))) == 4


def test_a_waiting_clip_gets_its_turn() -> None:
    decoder = ClipDecoder(DecodingLimits(at_once=1, wait_s=20))
    counts = []
    threads = [
        threading.Thread(target=lambda: counts.append(len(list(decoder.frames(long_clip(), longer_side_px=96)))))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [60, 60, 60]


def test_a_service_that_is_killed_takes_its_decoder_along() -> None:
    script = """
import sys, time
from tests.service.clips.test_decoding import long_clip
from service.clips.decoding import ClipDecoder
frames = ClipDecoder().frames(long_clip(), longer_side_px=480)
next(frames)
print("ready", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        assert service.stdout.readline() == b"ready\n"
        children = psutil.Process(service.pid).children()
        assert len(children) == 1
        service.kill()
        _, alive = psutil.wait_procs(children, timeout=5)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_the_decoder_may_write_nothing_and_gain_nothing() -> None:
    with closing(ClipDecoder().frames(long_clip(), longer_side_px=480)) as frames:
        next(frames)
        (process,) = decoders()
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        status = Path(f"/proc/{process.pid}/status").read_text()
        threads = process.num_threads()
    assert "Max file size             0" in limits
    assert "Max address space         1500000000" in limits
    assert "NoNewPrivs:\t1" in status
    assert threads <= 2 + DecodingLimits().threads


def test_limits_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="at_once must be at least 1, got 0"):
        DecodingLimits(at_once=0)
    with pytest.raises(ValueError, match="longer_side_px must be at least 1, got 0"):
        next(ClipDecoder().frames(clip_of(h264_clip(moving_pictures(4))), longer_side_px=0))


def test_memory_is_held_while_a_clip_is_decoded() -> None:
    budget = ByteBudget(150_000_000, wait_s=1)
    with closing(ClipDecoder(reserve=budget.reserve).frames(long_clip(), longer_side_px=480)) as frames:
        next(frames)
        assert budget.taken_bytes > len(long_clip().data)
    assert budget.taken_bytes == 0


def test_a_clip_that_never_fits_into_memory_is_refused_before_it_is_decoded() -> None:
    decoder = ClipDecoder(reserve=ByteBudget(50_000_000, wait_s=1).reserve)
    with pytest.raises(ClipTooLarge, match="MB of memory, more than there is"):
        next(decoder.frames(long_clip(), longer_side_px=480))
    with pytest.raises(ClipTooLarge):  # its place was given back
        next(decoder.frames(long_clip(), longer_side_px=480))
