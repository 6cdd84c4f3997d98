"""Bytes of a clip -> its pictures, decoded by a process of their own (`decoder.py`).

The header decides first (`face.clip`). Then the clip goes through memory that both processes see, and pictures come
back through a pipe: the decoder stops while nobody reads, so that no more than one picture is ever waiting. Leaving the
loop early, by whatever way, ends the process.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from face.clip.clip_header import ClipHeader
from face.clip.frame import Frame
from face.clip.header import read_clip_header
from face.clip.limits import ClipLimits
from face.errors import ClipTooLarge, ImageTooLarge, UndecodableClip
from face.image.limits import Reserve, hold_nothing
from service.clips.decoder import HEAD
from service.clips.errors import ClipOverran, ClipsBusy

_DECODER = Path(__file__).with_name("decoder.py")
# Of the pictures that the header lists, edits of the clip may take some at both ends.
_SHARE_DECODED = 0.95
_EDITED_FRAMES = 3
# Python, NumPy and OpenCV of the process; pictures are held in YUV 4:2:0.
_PROCESS_BYTES, _PICTURES_HELD = 80_000_000, 20


@dataclass(frozen=True)
class DecodingLimits:
    """memory_bytes: address space of the process, of which Python and OpenCV map about 700 MB. at_once: clips. wait_s:
    how long one waits for its turn. threads: of one decoder, which is the slower half of following a face."""

    memory_bytes: int = 1_500_000_000
    deadline_s: int = 120
    at_once: int = 1
    wait_s: float = 10.0
    threads: int = 2

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < (0 if name == "wait_s" else 1):
                raise ValueError(f"DecodingLimits.{name} must be at least 1, got {value}")


@dataclass(frozen=True, eq=False)
class Clip:
    """A clip whose header was read and found within the limits."""

    data: bytes
    header: ClipHeader

    @classmethod
    def of(cls, data: bytes, *, limits: ClipLimits) -> Clip:
        """Raises what read_clip_header and ClipLimits.check raise."""
        limits.check_bytes(len(data))
        header = read_clip_header(data)
        limits.check(header)
        return cls(data, header)


class ClipDecoder:
    """Decodes clips, from several threads, no more at once than the limits say. Owns no process between clips.

    An iterator belongs to the thread that took its first picture: the process ends with it.
    """

    def __init__(self, limits: DecodingLimits | None = None, *, reserve: Reserve = hold_nothing) -> None:
        """reserve: holds the memory that decoding a clip takes."""
        self._limits = limits or DecodingLimits()
        self._reserve = reserve
        self._places = threading.BoundedSemaphore(self._limits.at_once)

    def frames(self, clip: Clip, *, longer_side_px: int, step_s: float = 0.0) -> Generator[Frame]:
        """Pictures in the order of time, upright, reduced by the whole number that leaves the longer side no shorter
        than longer_side_px. step_s: pictures nearer to the one before are left out; 0 = none.

        Close the iterator (`contextlib.closing`) where the loop may be left early.

        Raises:
            UndecodableClip: it cannot be opened, breaks off, or its pictures are not what the header says.
            ClipOverran: the deadline is over, which counts from here.
            ClipsBusy: no place became free.
            ClipTooLarge: decoding it takes more memory than there is.
            What else `reserve` raises.
        """
        read = 0
        for frame, count in self._run(clip, longer_side_px=longer_side_px, step_s=step_s, times=()):
            if frame is None:
                read = count
            else:
                yield frame
        if read < _SHARE_DECODED * clip.header.frames - _EDITED_FRAMES:
            raise UndecodableClip(
                f"The clip lists {clip.header.frames:,} pictures, and {read:,} of them can be decoded: it is damaged "
                "or cut off. Record or send it again."
            )

    def stills(self, clip: Clip, times_s: Sequence[float], *, longer_side_px: int) -> Generator[Frame]:
        """The pictures of these times, ascending, which `frames` has given; `index` is the place in times_s.

        Raises what `frames` raises, and ValueError for times that do not ascend.
        """
        if not len(times_s) or any(later <= earlier for earlier, later in pairwise(times_s)):
            raise ValueError(f"times_s must ascend and must not be empty, got {list(times_s)}")
        for place, (frame, _) in enumerate(
            self._run(clip, longer_side_px=longer_side_px, step_s=0.0, times=tuple(times_s))
        ):
            if frame is not None:
                yield Frame(index=place, time_s=frame.time_s, rgb=frame.rgb)

    def _run(
        self, clip: Clip, *, longer_side_px: int, step_s: float, times: tuple[float, ...]
    ) -> Iterator[tuple[Frame | None, int]]:
        """Pictures; last, None with the count of pictures that the clip gave."""
        if longer_side_px < 1:
            raise ValueError(f"longer_side_px must be at least 1, got {longer_side_px}")
        width, height = clip.header.upright_size
        reduction = max(1, max(width, height) // longer_side_px)
        numbers = (width, height, reduction, step_s, _seek_over_s(clip.header), *times)
        if not self._places.acquire(timeout=self._limits.wait_s):
            raise ClipsBusy(f"{self._limits.at_once} clips are being decoded, as many as may be at once.")
        try:
            with self._memory(clip), _process(clip, self._limits, numbers) as pipe:
                while True:
                    kind, number, time_s, columns, rows = HEAD.unpack(pipe.read(HEAD.size))
                    if kind == b"F":
                        pixels = np.frombuffer(pipe.read(3 * columns * rows), dtype=np.uint8)
                        yield Frame(number, time_s, pixels.reshape(rows, columns, 3)), number
                    elif kind == b"E":
                        yield None, number
                        return
                    elif kind == b"S":
                        raise UndecodableClip(
                            f"The clip says that its pictures measure {width} x {height} pixels, but not all do, or "
                            "some are damaged. Record or send it again."
                        )
                    else:
                        raise _undecodable()
        finally:
            self._places.release()

    @contextmanager
    def _memory(self, clip: Clip) -> Iterator[None]:
        """At most: the clip once more, the process, and the pictures that it holds to predict others from."""
        pixels = clip.header.width * clip.header.height
        needed = len(clip.data) + _PROCESS_BYTES + _PICTURES_HELD * pixels * 3 // 2 + 3 * 3 * pixels
        with ExitStack() as held:
            try:
                held.enter_context(self._reserve(needed))
            except ImageTooLarge as error:
                raise ClipTooLarge(
                    f"Decoding the clip takes {needed / 1e6:,.0f} MB of memory, more than there is for it. Record it "
                    "in 1080p, or cut it."
                ) from error
            yield


def _seek_over_s(header: ClipHeader) -> float:
    """Seeking means to decode from the key picture before, half their distance away in the mean, and a second more."""
    return 2.0 if header.key_every_s is None else 1.0 + header.key_every_s / 2


class _Pipe:
    """Reads from the process until the deadline."""

    def __init__(self, process: subprocess.Popen[bytes], out: int, deadline_s: int) -> None:
        self._process, self._out = process, out
        self._allowed_s, self._ends = deadline_s, time.monotonic() + deadline_s

    def read(self, count: int) -> bytearray:
        """Exactly `count` bytes."""
        read = bytearray(count)
        view, done = memoryview(read), 0
        while done < count:
            left = self._ends - time.monotonic()
            if left <= 0 or not select.select([self._out], [], [], left)[0]:
                raise self._overran()
            got = os.readv(self._out, [view[done:]])
            if not got:
                raise self._ended()
            done += got
        return read

    def _overran(self) -> ClipOverran:
        return ClipOverran(f"Decoding the clip took longer than {self._allowed_s} s.")

    def _ended(self) -> Exception:
        """Without a last word: killed by one of its limits, or by a fault in the library."""
        self._process.wait()
        if time.monotonic() >= self._ends - 1:
            return self._overran()
        return _undecodable()


def _undecodable() -> UndecodableClip:
    """A video library that finds no memory says what it says of damaged pictures, or nothing."""
    return UndecodableClip(
        "The clip cannot be decoded: it is damaged, or decoding it takes more memory or time than it may. "
        "Record it in 1080p with H.264."
    )


@contextmanager
def _process(clip: Clip, limits: DecodingLimits, numbers: Sequence[float]) -> Iterator[_Pipe]:
    """The decoder at work on `clip`; ended at the end of the block."""
    shared, (out, into) = os.memfd_create("clip", os.MFD_CLOEXEC), os.pipe2(os.O_CLOEXEC)
    try:
        try:
            with os.fdopen(os.dup(shared), "wb") as file:
                file.write(clip.data)
                for place, over in clip.header.hidden:
                    file.seek(place)
                    file.write(over)
            os.lseek(shared, 0, os.SEEK_SET)
            head = [shared, os.getpid(), limits.memory_bytes, limits.deadline_s, limits.threads]
            process = subprocess.Popen(
                [sys.executable, "-I", str(_DECODER), *(str(number) for number in (*head, *numbers))],
                stdin=subprocess.DEVNULL,
                stdout=into,
                stderr=subprocess.DEVNULL,  # FFmpeg's words on a patient's clip belong into no log
                pass_fds=[shared],
                env={"PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is the service's to handle
            )
        finally:
            os.close(shared)
            os.close(into)
        try:
            yield _Pipe(process, out, limits.deadline_s)
        finally:
            process.kill()
            process.wait()
    finally:
        os.close(out)
