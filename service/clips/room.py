"""What a worker holds for clips: their limits, the decoder, and threads of their own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from face.clip.limits import ClipLimits
from face.image.limits import Reserve, hold_nothing
from face.landmarks.landmarker import FaceLandmarker
from service.clips.decoding import ClipDecoder, DecodingLimits
from service.clips.work import ClipWork


class ClipRoom:
    """limits: of an examination's clip. decoder: shared. reserve: holds memory for what is kept of a clip. executor:
    the threads that work on clips, each with a landmarker of its own from the first clip on."""

    def __init__(
        self,
        *,
        limits: ClipLimits,
        decoding: DecodingLimits,
        timeout_s: float,
        landmark_model: Path | None = None,
        max_faces: int = 8,
        reserve: Reserve = hold_nothing,
    ) -> None:
        self.limits = limits
        self.reserve = reserve
        self.decoder = ClipDecoder(decoding, reserve=reserve)
        self._timeout_s = timeout_s
        self._landmark_model, self._max_faces = landmark_model, max_faces
        self._mine = threading.local()
        self.executor = ThreadPoolExecutor(decoding.at_once, thread_name_prefix="clip", initializer=self._begin)

    @property
    def landmarker(self) -> FaceLandmarker:
        """That of the calling thread, which must be one of the executor's."""
        landmarker: FaceLandmarker = self._mine.landmarker
        return landmarker

    def begin_work(self) -> ClipWork:
        """Whose time runs from now on."""
        return ClipWork(timeout_s=self._timeout_s)

    def close(self) -> None:
        self.executor.shutdown()

    def _begin(self) -> None:
        self._mine.landmarker = FaceLandmarker(self._landmark_model, max_faces=self._max_faces)
