"""Keeps MediaPipe's start-up chatter off standard error; no log level of its own does."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator

_STARTUP_NOISE = re.compile(
    rb"Logging before InitGoogle|face_landmarker_graph\.cc|inference_feedback_manager\.cc|"
    rb"Created TensorFlow Lite XNNPACK delegate"
)


@contextlib.contextmanager
def without_startup_noise() -> Iterator[None]:
    """Catch what the native code writes to standard error and pass on every line that is not known noise."""
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # standard error is closed: nothing to catch
        yield
        return
    # In memory: a full disk must not keep a service from starting.
    with os.fdopen(os.memfd_create("startup-noise"), "w+b") as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            caught.seek(0)
            kept = b"".join(line for line in caught if not _STARTUP_NOISE.search(line))
            if kept:
                os.write(2, kept)
