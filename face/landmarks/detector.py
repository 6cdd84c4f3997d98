"""Photograph -> faces: 478 landmarks and the head's pose, by MediaPipe's Face Landmarker on the CPU."""

from __future__ import annotations

import hashlib
import threading
import warnings
import weakref
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from face.errors import MultipleFaces, NoFace
from face.landmarks.mirror_table import LANDMARK_PAIRS
from face.landmarks.native_noise import without_startup_noise
from face.landmarks.usage_reports import stop_usage_reports
from face.vocabulary import FacePolicy

LANDMARK_COUNT = 478
# MediaPipe's face_landmarker.task, float16, 3,758,596 bytes, Apache-2.0 (see NOTICE). MediaPipe's own wheel has none.
LANDMARK_MODEL_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
LANDMARK_MODEL_FILE = Path(__file__).with_name("face_landmarker.task")


def _mirror_index() -> npt.NDArray[np.intp]:
    index = np.arange(LANDMARK_COUNT)
    right, left = np.array(LANDMARK_PAIRS).T
    index[right], index[left] = left, right
    index.setflags(write=False)
    return index


# (478,): MIRROR_INDEX[i] is the landmark at the same place on the other half of the face; an involution, midline points
# map to themselves.
MIRROR_INDEX: npt.NDArray[np.intp] = _mirror_index()

# Sides of the pieces of a second and third look, as fractions of the picture's longer side.
_SECOND_LOOKS = (0.5, 0.25)
# In smaller pieces a face would be far below any usable size.
_SMALLEST_TILE_PX = 96

# Inner and outer corner of each eye; their mean is the eye centre, which unlike the pupil does not move with the gaze.
RIGHT_EYE_CORNERS = (33, 133)
LEFT_EYE_CORNERS = (362, 263)


@dataclass(frozen=True, eq=False)
class Face:
    """One face of one photograph.

    points: (478, 3) float32, x and y in pixels of the photograph (geometry.py has the convention), z in pixels scaled
        like x, smaller towards the camera; a landmark may lie outside the photograph.
    pose: (4, 4) float32, canonical face (centimetres, x to the patient's left, y up, z out of the face) -> camera
        space, with the camera at the origin looking along -z.
    """

    points: npt.NDArray[np.float32]
    pose: npt.NDArray[np.float32]
    image_width: int
    image_height: int

    def __post_init__(self) -> None:
        for name, shape in (("points", (LANDMARK_COUNT, 3)), ("pose", (4, 4))):
            if getattr(self, name).shape != shape:
                raise ValueError(f"Face.{name} must have shape {shape}, got {getattr(self, name).shape}")
        if self.image_width < 1 or self.image_height < 1:
            raise ValueError(f"Face needs the size of its photograph, got {self.image_width}x{self.image_height}")

    @property
    def eye_centres(self) -> npt.NDArray[np.float64]:
        """(2, 2) float64: the patient's right eye, then the left, each the mean of its two corners."""
        xy = self.points[:, :2].astype(np.float64)
        return np.stack([xy[list(RIGHT_EYE_CORNERS)].mean(axis=0), xy[list(LEFT_EYE_CORNERS)].mean(axis=0)])

    @property
    def interocular_px(self) -> float:
        """Distance of the eye centres on the photograph."""
        right, left = self.eye_centres
        return float(np.linalg.norm(left - right))

    @property
    def size_px(self) -> float:
        """Diagonal of the landmarks' bounding box, to compare faces of one photograph."""
        return float(np.linalg.norm(np.ptp(self.points[:, :2], axis=0)))

    def mirrored(self) -> Face:
        """The face that a perfectly mirror-symmetric detector would find in the mirrored photograph."""
        points = self.points[MIRROR_INDEX].copy()
        points[:, 0] = np.float32(self.image_width) - points[:, 0]
        flip = np.diag([-1.0, 1.0, 1.0, 1.0]).astype(np.float32)
        return Face(
            points=points,
            pose=(flip @ self.pose @ flip).astype(np.float32),
            image_width=self.image_width,
            image_height=self.image_height,
        )


def find_landmark_model(override: Path | None = None) -> Path:
    """Path of the verified landmark model: `override`, or the file that lies beside this module.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file's SHA-256 is not LANDMARK_MODEL_SHA256.
    """
    path = LANDMARK_MODEL_FILE if override is None else override
    if not path.is_file():
        cure = (
            "the checkout or installation is incomplete; install the project again or name a face_landmarker.task file"
            if override is None
            else "correct the setting or leave it out"
        )
        raise FileNotFoundError(f"landmark model {path} does not exist; {cure}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != LANDMARK_MODEL_SHA256:
        raise ValueError(
            f"landmark model {path} has SHA-256 {digest}, expected {LANDMARK_MODEL_SHA256}: "
            "models were trained on the landmarks of exactly that file"
        )
    return path


class FaceLandmarker:
    """Owns one MediaPipe Face Landmarker (CPU, still images).

    Safe to share between threads: calls of `detect` are serialised by a lock, since the native graph handles one
    picture at a time. For parallel detection use one FaceLandmarker per thread or process. Starting one takes about 0.4
    s, so keep it.
    """

    def __init__(self, model_path: Path | None = None, *, max_faces: int = 8) -> None:
        """`max_faces` bounds the work on a crowd; it costs nothing where there are fewer faces.

        Raises what find_landmark_model raises, and ValueError for max_faces < 1.
        """
        if max_faces < 1:
            raise ValueError(f"max_faces must be at least 1, got {max_faces}")
        path = find_landmark_model(model_path)
        # Imported here because it takes a second (it imports matplotlib), and those who want only a Face do not need
        # it.
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

    def detect(self, rgb: npt.NDArray[np.uint8]) -> list[Face]:
        """Faces of `rgb` (H, W, 3) uint8, largest first; an empty list where none is found.

        The detector sees the whole picture at 128x128 and misses faces under about a seventh of its longer side. Only
        where it finds nothing, it looks again at overlapping pieces of a half and then a quarter of that side (about 2
        ms each).

        Raises:
            ValueError: not an 8-bit RGB array.
            RuntimeError: the landmarker is closed.
        """
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
            raise ValueError(f"detect needs a (H, W, 3) uint8 array, got {rgb.dtype} {rgb.shape}")
        with self._lock:
            if not self._abandoned.alive:
                raise RuntimeError("this FaceLandmarker is closed")
            faces = self._detect(rgb)
            for fraction in _SECOND_LOOKS:
                if faces:
                    break
                faces = self._detect_in_tiles(rgb, tile=round(max(rgb.shape[:2]) * fraction))
        return sorted(faces, key=lambda face: face.size_px, reverse=True)

    def _detect_in_tiles(self, rgb: npt.NDArray[np.uint8], *, tile: int) -> list[Face]:
        """Look at overlapping square pieces of side `tile`, so that every face up to half as wide lies whole in one."""
        height, width = rgb.shape[:2]
        if tile < _SMALLEST_TILE_PX:
            return []
        found: list[Face] = []
        for y in _tile_starts(height, tile):
            for x in _tile_starts(width, tile):
                piece = rgb[y : y + tile, x : x + tile]
                for face in self._detect(piece):
                    low, high = face.points[:, :2].min(axis=0), face.points[:, :2].max(axis=0)
                    # Cut off by the tile, not by the photograph: the neighbouring tile has it whole.
                    cut = (low[0] < 0 < x, low[1] < 0 < y, high[0] > piece.shape[1] and x + tile < width)
                    if any(cut) or (high[1] > piece.shape[0] and y + tile < height):
                        continue
                    found.append(
                        Face(
                            points=face.points + np.array([x, y, 0], dtype=np.float32),
                            pose=face.pose,
                            image_width=width,
                            image_height=height,
                        )
                    )
        return _without_repeats(found)[: self._max_faces]

    def _detect(self, rgb: npt.NDArray[np.uint8]) -> list[Face]:
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

    def __enter__(self) -> FaceLandmarker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _tile_starts(length: int, tile: int) -> list[int]:
    """Starts of tiles that overlap by half or more and cover 0..length, laid out alike from both ends."""
    steps = max(0, -(-2 * (length - tile) // tile))
    return [round(step * (length - tile) / steps) for step in range(steps + 1)] if steps else [0]


def _without_repeats(faces: list[Face]) -> list[Face]:
    """One of each face that several tiles have found, larger ones first."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: face.size_px, reverse=True):
        centre = face.points[:, :2].mean(axis=0)
        if all(np.linalg.norm(centre - other.points[:, :2].mean(axis=0)) > 0.3 * other.size_px for other in kept):
            kept.append(face)
    return kept


def choose_face(faces: list[Face], *, policy: FacePolicy) -> Face:
    """The face to be judged.

    `single`: there must be exactly one. `largest`: the one that takes up most of the photograph.

    Raises:
        NoFace: the list is empty.
        MultipleFaces: several faces under the policy `single`.
        ValueError: unknown policy.
    """
    if policy not in get_args(FacePolicy):
        raise ValueError(f"policy must be {' or '.join(map(repr, get_args(FacePolicy)))}, got {policy!r}")
    if not faces:
        raise NoFace(
            "No face was found. The photograph should show one whole face from the front, "
            "upright, evenly lit and not covered."
        )
    if policy == "single" and len(faces) > 1:
        raise MultipleFaces(
            f"{len(faces)} faces were found. Crop the photograph to the patient, "
            "or ask for the largest face with face=largest."
        )
    return max(faces, key=lambda face: face.size_px)


def _abandon(native: Any) -> None:
    """Leave a native graph that nobody closed to the end of the process.

    Closing it here could stop the process for good. Garbage is collected in any thread at any moment, also while that
    thread holds the lock under which thread pools take work, and MediaPipe closes a graph through a thread pool. At the
    interpreter's end its thread is gone already. Without a handle MediaPipe's own `__del__` does nothing.
    """
    native._handle = None
    if threading.main_thread().is_alive():
        warnings.warn("a FaceLandmarker was not closed: its memory stays taken", ResourceWarning, stacklevel=2)
