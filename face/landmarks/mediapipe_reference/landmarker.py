"""Picture -> its faces with their landmarks, by MediaPipe's own graph on the CPU.

The reference that FaceLandmarker is measured against, and a setting for who wants MediaPipe's graph itself. It takes
upright pictures only, and twice the time and more of it the larger the picture is.
"""

from __future__ import annotations

import threading
import warnings
import weakref
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from face.landmarks.found_face import Face, choose_face
from face.landmarks.look import Look
from face.landmarks.mediapipe_reference.usage_reports import stop_usage_reports
from face.landmarks.model_file import find_landmark_model
from face.landmarks.native_noise import without_startup_noise
from face.landmarks.pieces import PIECES, is_cut, pieces
from face.vocabulary import FacePolicy

Rgb = npt.NDArray[np.uint8]


class MediapipeLandmarker:
    """Owns one MediaPipe Face Landmarker; use and errors as FaceLandmarker's.

    Safe to share between threads: calls are serialised by a lock. Starting one takes about 0.4 s, so keep it.
    """

    def __init__(self, model_path: Path | None = None, *, max_faces: int = 8) -> None:
        """Raises what find_landmark_model raises, and ValueError for max_faces < 1."""
        if max_faces < 1:
            raise ValueError(f"max_faces must be at least 1, got {max_faces}")
        path = find_landmark_model(model_path)
        # Imported here because it takes a second (it imports matplotlib), and few want it.
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision

        self._image_type = mediapipe.Image
        self._image_format = mediapipe.ImageFormat.SRGB
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=path.read_bytes(), delegate=BaseOptions.Delegate.CPU),
            running_mode=vision.RunningMode.IMAGE,
            num_faces=max_faces,
            output_facial_transformation_matrixes=True,
        )
        self._max_faces = max_faces
        self._lock = threading.Lock()
        stop_usage_reports()
        with without_startup_noise():
            native = vision.FaceLandmarker.create_from_options(options)
        self._native: Any = native
        self._abandoned = weakref.finalize(self, _abandon, native)

    def detect(self, rgb: Rgb) -> list[Face]:
        """As FaceLandmarker.detect."""
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
            raise ValueError(f"a landmarker needs a (H, W, 3) uint8 array, got {rgb.dtype} {rgb.shape}")
        with self._lock:
            if not self._abandoned.alive:
                raise RuntimeError("this MediapipeLandmarker is closed")
            faces = self._detect(rgb)
            for fraction in PIECES:
                if faces:
                    break
                faces = self._detect_in_pieces(rgb, side=round(max(rgb.shape[:2]) * fraction))
        return sorted(faces, key=lambda face: face.size_px, reverse=True)

    def look(self, rgb: Rgb, *, policy: FacePolicy, both_ways: bool) -> Look:
        """As FaceLandmarker.look, of an upright picture: each look has its own detection."""
        first = choose_face(self.detect(rgb), policy=policy)
        if not both_ways:
            return Look(face=first)
        centre = first.points[:, :2].mean(axis=0)
        # OpenCV mirrors a megapixel in 0.3 ms, a copy through negative strides takes 4.6.
        for found in self.detect(np.asarray(cv2.flip(rgb, 1), dtype=np.uint8)):
            second = found.mirrored()
            if np.linalg.norm(second.points[:, :2].mean(axis=0) - centre) <= 0.3 * first.size_px:
                return Look.mean(first, second)
        return Look(face=first)

    def _detect_in_pieces(self, rgb: Rgb, *, side: int) -> list[Face]:
        height, width = rgb.shape[:2]
        found: list[Face] = []
        for x, y in pieces(width, height, side=side):
            for face in self._detect(rgb[y : y + side, x : x + side]):
                whole = Face(
                    points=face.points + np.array([x, y, 0], dtype=np.float32),
                    pose=face.pose,
                    image_width=width,
                    image_height=height,
                )
                low, high = whole.points[:, :2].min(axis=0), whole.points[:, :2].max(axis=0)
                if not is_cut(low, high, piece=(x, y), side=side, width=width, height=height):
                    found.append(whole)
        return _without_repeats(found)[: self._max_faces]

    def _detect(self, rgb: Rgb) -> list[Face]:
        height, width = rgb.shape[:2]
        result = self._native.detect(self._image_type(image_format=self._image_format, data=np.ascontiguousarray(rgb)))
        scale = np.array([width, height, width], dtype=np.float64)
        return [
            Face(
                points=(np.array([(p.x, p.y, p.z) for p in landmarks]) * scale).astype(np.float32),
                pose=np.array(pose, dtype=np.float32),
                image_width=width,
                image_height=height,
            )
            for landmarks, pose in zip(result.face_landmarks, result.facial_transformation_matrixes, strict=True)
        ]

    def close(self) -> None:
        """Free the native graph; safe to call twice. Nothing else frees it: garbage collection does not."""
        with self._lock:
            if self._abandoned.detach():
                self._native.close()

    def __enter__(self) -> MediapipeLandmarker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _without_repeats(faces: list[Face]) -> list[Face]:
    """One of each face that several pieces have found, larger ones first."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: face.size_px, reverse=True):
        centre = face.points[:, :2].mean(axis=0)
        if all(np.linalg.norm(centre - other.points[:, :2].mean(axis=0)) > 0.3 * other.size_px for other in kept):
            kept.append(face)
    return kept


def _abandon(native: Any) -> None:
    """Leave a native graph that nobody closed to the end of the process.

    Closing it here could stop the process for good. Garbage is collected in any thread at any moment, also while that
    thread holds the lock under which thread pools take work, and MediaPipe closes a graph through a thread pool. At the
    interpreter's end its thread is gone already. Without a handle MediaPipe's own `__del__` does nothing.
    """
    native._handle = None
    if threading.main_thread().is_alive():
        warnings.warn("a MediapipeLandmarker was not closed: its memory stays taken", ResourceWarning, stacklevel=2)
