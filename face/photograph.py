"""Bytes -> an upright photograph with the face to judge: the first stages of every task."""

from __future__ import annotations

import queue
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face.image.decode import ImageLimits, decode_image
from face.landmarks.both_looks import BothLooks, look_both_ways
from face.landmarks.detector import Face, FaceLandmarker, choose_face
from face.stopwatch import Stopwatch
from face.vocabulary import FacePolicy


@dataclass(frozen=True, eq=False)
class Photograph:
    """rgb: (H, W, 3) uint8, upright. face: the one to judge, in its pixels. looks: where it was looked at both ways,
    what that gave; `face` is then the mean of both looks."""

    rgb: npt.NDArray[np.uint8]
    face: Face
    looks: BothLooks | None = None

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])


class PhotographReader:
    """Decodes and finds the face, from several threads at once.

    Owns one landmarker per thread: a landmarker serves one photograph at a time, and making one takes long and is
    never given back in full by MediaPipe.
    """

    def __init__(
        self, *, limits: ImageLimits, landmark_model: Path | None = None, threads: int = 1, max_faces: int = 8
    ) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        self._limits = limits
        self._landmarkers = [FaceLandmarker(landmark_model, max_faces=max_faces) for _ in range(threads)]
        # The one used last has its memory in the caches.
        self._free: queue.LifoQueue[FaceLandmarker] = queue.LifoQueue()
        for landmarker in self._landmarkers:
            landmarker.detect(np.zeros((64, 64, 3), dtype=np.uint8))
            self._free.put(landmarker)

    def read(
        self, data: bytes, *, policy: FacePolicy, watch: Stopwatch | None = None, both_ways: bool = False
    ) -> Photograph:
        """Stages `decode` and `landmarks`; both_ways: a second look, at the mirrored photograph, evens the landmarks
        out. Raises the PreprocessingErrors of decode_image and choose_face."""
        watch = watch or Stopwatch()
        with watch.stage("decode"):
            rgb = decode_image(data, limits=self._limits).rgb
        with watch.stage("landmarks"):
            landmarker = self._free.get()
            try:
                face = choose_face(landmarker.detect(rgb), policy=policy)
                looks = look_both_ways(rgb, face, landmarker) if both_ways else None
            finally:
                self._free.put(landmarker)
            return Photograph(rgb=rgb, face=looks.face if looks else face, looks=looks)

    def close(self) -> None:
        for landmarker in self._landmarkers:
            landmarker.close()
