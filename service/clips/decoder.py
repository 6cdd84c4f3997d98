"""The process that decodes one clip: reads a file descriptor, writes pictures to its standard output, and ends.

It is started by its path (`decoding.py`) and imports nothing of this project. What it may take is limited before the
first byte of the clip is read, so that a clip made to harm a video library finds no memory, no time, no file to write
and no process to start. It ends when its deadline is over or when the process that started it has ended.

What it writes, again and again: a head of `HEAD` (kind, number of the picture, its time in seconds, width, height),
then the pixels, RGB by rows. Kinds: F a picture; E the end, with the count of pictures that the clip gave; S another
size than the header said; N the clip cannot be opened.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import sys
from typing import Any

HEAD = struct.Struct("<cIdII")

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
# Files that Python and the libraries open while they are loaded are closed again by then.
_OPEN_FILES = 16


def _confine(*, parent: int, memory_bytes: int, deadline_s: int, threads: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_NO_NEW_PRIVS, 1), (_PR_SET_PDEATHSIG, signal.SIGKILL)):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl({option}) is refused")
    if os.getppid() != parent:  # it ended before the line above
        sys.exit(1)
    for limit, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, threads * deadline_s),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    signal.alarm(deadline_s)  # whose default is the end, also in the midst of a library's code


def _open(descriptor: int, threads: int) -> Any:
    import cv2

    source: Any = os.fdopen(descriptor, "rb")
    clip = cv2.VideoCapture(source, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
    return clip if clip.isOpened() else None


def _send(kind: bytes, *, number: int = 0, time_s: float = 0.0, rgb: Any = None) -> None:
    height, width = (0, 0) if rgb is None else rgb.shape[:2]
    out = sys.stdout.buffer
    out.write(HEAD.pack(kind, number, time_s, width, height))
    if rgb is not None:
        out.write(rgb.data)
    out.flush()


def _picture(clip: Any, *, size: tuple[int, int], reduction: int) -> Any:
    """The picture at hand as RGB, reduced; None where it has another size than (width, height)."""
    import cv2

    taken, bgr = clip.retrieve()
    if not taken or bgr.shape[1::-1] != size:
        return None
    if reduction > 1:
        small = (max(1, size[0] // reduction), max(1, size[1] // reduction))
        bgr = cv2.resize(bgr, small, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def _send_all(clip: Any, *, size: tuple[int, int], reduction: int, step_s: float) -> None:
    """Pictures in the order of time, none nearer to the one before than step_s."""
    number, last, due = 0, -1.0, 0.0
    while clip.grab():
        time_s = _time(clip)
        if time_s > last:  # a picture that claims the time of the one before would stand beside no other
            if time_s >= due - 1e-4:
                rgb = _picture(clip, size=size, reduction=reduction)
                if rgb is None:
                    return _send(b"S")
                _send(b"F", number=number, time_s=time_s, rgb=rgb)
                due = max(due + step_s, time_s + step_s / 2)
            last = time_s
            number += 1
    return _send(b"E", number=number)


def _send_at(clip: Any, *, size: tuple[int, int], reduction: int, times: list[float], seek_over_s: float) -> None:
    """The pictures of these times, which `_send_all` has given of the same clip, ascending. seek_over_s: as far as that
    it is quicker to decode on than to begin again at a key picture."""
    import cv2

    at = -1.0
    for wanted in times:
        if wanted - at > seek_over_s:
            clip.set(cv2.CAP_PROP_POS_MSEC, 1000 * wanted - 500)
            at = _time(clip) if clip.grab() else wanted + 1
            if at > wanted + 1e-4:  # seeking goes by the mean rate, and this clip has another here
                clip.set(cv2.CAP_PROP_POS_FRAMES, 0)
                at = -1.0
        while at < wanted - 1e-4 and clip.grab():
            at = _time(clip)
        rgb = _picture(clip, size=size, reduction=reduction) if abs(at - wanted) <= 1e-4 else None
        if rgb is None:
            return _send(b"S")
        _send(b"F", time_s=at, rgb=rgb)
    return _send(b"E", number=len(times))


def _time(clip: Any) -> float:
    import cv2

    return float(clip.get(cv2.CAP_PROP_POS_MSEC)) / 1000


def main(arguments: list[str]) -> None:
    descriptor, parent, memory_bytes, deadline_s, threads, width, height, reduction = map(int, arguments[:8])
    step_s, seek_over_s = float(arguments[8]), float(arguments[9])
    times = [float(value) for value in arguments[10:]]
    import cv2

    cv2.setNumThreads(1)
    _confine(parent=parent, memory_bytes=memory_bytes, deadline_s=deadline_s, threads=threads)
    clip = _open(descriptor, threads)
    if clip is None:
        _send(b"N")
    elif times:
        _send_at(clip, size=(width, height), reduction=reduction, times=times, seek_over_s=seek_over_s)
    else:
        _send_all(clip, size=(width, height), reduction=reduction, step_s=step_s)


if __name__ == "__main__":
    main(sys.argv[1:])
