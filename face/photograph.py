"""Bytes -> an upright photograph with the face to judge: the first stages of every task.

What is worked on is a piece of the picture as sent, or all of it: decoded at the scale that a face needs, turned
upright, mirrored back where the camera had mirrored it. `Photograph.to_sent` leads back.
"""

from __future__ import annotations

import dataclasses
import queue
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

import cv2
import numpy as np
import numpy.typing as npt

from face.dicom import picture_in
from face.errors import NoFace
from face.frame.alignment import CANONICAL_INTEROCULAR_PX, AlignedFace
from face.frame.geometry import Similarity
from face.image.decode import DecodedImage, decode_image
from face.image.limits import ImageLimits, Reserve, hold_nothing
from face.landmarks.found_face import Face
from face.landmarks.landmarker import FaceLandmarker
from face.landmarks.look import Look
from face.landmarks.networks import FaceNetworks
from face.stopwatch import Stopwatch
from face.vocabulary import FacePolicy

# litert: the landmark model's networks, run by this package. mediapipe: the same networks inside MediaPipe's own graph.
LandmarkEngine = Literal["litert", "mediapipe"]

# Pictures of phones are decoded at half, a quarter or an eighth of their size, down to this longer side: there the
# detector still finds every face that it finds in the whole picture.
_FIRST_DECODE_PX = 1000
# Where the eyes are nearer than in the canonical face, finer pixels would show more: the face is decoded again.
_FINE_INTEROCULAR_PX = CANONICAL_INTEROCULAR_PX
# Side of the piece that is decoded again, in diagonals of the face.
_PIECE_REACH = 2.0


class Landmarker(Protocol):
    """One thread's landmarker, of whichever engine."""

    def detect(self, rgb: npt.NDArray[np.uint8]) -> list[Face]: ...

    def look(self, rgb: npt.NDArray[np.uint8], *, policy: FacePolicy, both_ways: bool) -> Look: ...

    def close(self) -> None: ...


@dataclass(frozen=True, eq=False)
class Photograph:
    """rgb: (H, W, 3) uint8, upright, what is worked on. face: the one to judge, in its pixels. looks: where it was
    looked at both ways, what that gave; `face` is then the mean of both looks.

    sent_width, sent_height: of the picture as sent, upright by its own metadata. to_sent: pixels of `rgb` -> pixels of
    that picture. quarter_turns: how often that picture had to be turned counter-clockwise by 90 degrees.
    """

    rgb: npt.NDArray[np.uint8]
    face: Face
    sent_width: int
    sent_height: int
    to_sent: Similarity
    looks: Look | None = None
    quarter_turns: int = 0

    def warnings(self) -> list[str]:
        """A sentence where the picture had to be turned."""
        return turned_upright(self.quarter_turns)

    def on_sent(self, aligned: AlignedFace) -> AlignedFace:
        """The same canonical face with its way from, and back to, the picture as sent."""
        return dataclasses.replace(aligned, to_canonical=self.to_sent.inverse().then(aligned.to_canonical))


class PhotographReader:
    """Decodes and finds the face, from several threads at once. Owns one landmarker per thread."""

    def __init__(
        self,
        *,
        limits: ImageLimits,
        landmark_model: Path | None = None,
        engine: LandmarkEngine = "litert",
        networks: Callable[[], FaceNetworks] | None = None,
        threads: int = 1,
        max_faces: int = 8,
        reserve: Reserve = hold_nothing,
    ) -> None:
        """networks: makes one thread's networks where another runtime than the engine's own runs them. reserve: holds
        the memory that decoding a picture takes, before it is decoded.
        """
        if threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        self._limits = limits
        self._reserve = reserve
        start = _starter(engine) if networks is None else _with(networks)
        self._landmarkers = [start(landmark_model, max_faces) for _ in range(threads)]
        # The one used last has its memory in the caches.
        self._free: queue.LifoQueue[Landmarker] = queue.LifoQueue()
        for landmarker in self._landmarkers:
            landmarker.detect(np.zeros((64, 64, 3), dtype=np.uint8))
            self._free.put(landmarker)

    def read(
        self,
        data: bytes,
        *,
        policy: FacePolicy,
        watch: Stopwatch | None = None,
        both_ways: bool = False,
        mirrored: bool = False,
    ) -> Photograph:
        """Stages `decode` and `landmarks`.

        both_ways: a second look, at the mirrored photograph, evens the landmarks out. mirrored: the camera has swapped
        left and right, as a telephone's front camera may. Raises the PreprocessingErrors of decode_image and
        choose_face.
        """
        watch = watch or Stopwatch()
        with watch.stage("decode"):
            data = picture_in(data)
            decoded = self._decode(data, _FIRST_DECODE_PX)
        with watch.stage("landmarks"):
            landmarker = self._free.get()
            try:
                photograph = _seen(decoded, landmarker, policy=policy, both_ways=both_ways, mirrored=mirrored)
            finally:
                self._free.put(landmarker)
        if decoded.reduction == 1 or photograph.face.interocular_px >= _FINE_INTEROCULAR_PX:
            return photograph
        with watch.stage("decode"):
            needed = _FINE_INTEROCULAR_PX / photograph.face.interocular_px * max(decoded.rgb.shape[:2])
            finer = self._decode(data, round(needed))
        with watch.stage("landmarks"):
            landmarker = self._free.get()
            try:
                return _closer(photograph, finer, landmarker, mirrored=mirrored)
            finally:
                self._free.put(landmarker)

    def _decode(self, data: bytes, longer_side_px: int) -> DecodedImage:
        return decode_image(data, limits=self._limits, longer_side_px=longer_side_px, reserve=self._reserve)

    def close(self) -> None:
        for landmarker in self._landmarkers:
            landmarker.close()


def turned_upright(quarter_turns: int) -> list[str]:
    """A sentence where a picture had to be turned counter-clockwise so often by 90 degrees."""
    if not quarter_turns:
        return []
    lies = {1: "on its right side", 2: "upside down", 3: "on its left side"}[quarter_turns]
    return [f"The face in this picture lies {lies}; it was turned upright before it was judged."]


def _starter(engine: LandmarkEngine) -> Callable[[Path | None, int], Landmarker]:
    if engine not in get_args(LandmarkEngine):
        raise ValueError(f"engine must be {' or '.join(map(repr, get_args(LandmarkEngine)))}, got {engine!r}")
    if engine == "mediapipe":
        from face.landmarks.mediapipe_reference.landmarker import MediapipeLandmarker

        return lambda model, max_faces: MediapipeLandmarker(model, max_faces=max_faces)
    return lambda model, max_faces: FaceLandmarker(model, max_faces=max_faces)


def _with(networks: Callable[[], FaceNetworks]) -> Callable[[Path | None, int], Landmarker]:
    return lambda _, max_faces: FaceLandmarker(max_faces=max_faces, networks=networks())


def _seen(
    decoded: DecodedImage, landmarker: Landmarker, *, policy: FacePolicy, both_ways: bool, mirrored: bool
) -> Photograph:
    rgb, to_decoded = decoded.rgb, Similarity.translation(0, 0)
    if mirrored:
        rgb, to_decoded = _mirrored(rgb), Similarity.mirroring(rgb.shape[1])
    look = landmarker.look(rgb, policy=policy, both_ways=both_ways)
    if look.quarter_turns:
        turning = Similarity.turning(look.quarter_turns, width=rgb.shape[1], height=rgb.shape[0])
        rgb, to_decoded = np.ascontiguousarray(np.rot90(rgb, look.quarter_turns)), turning.inverse().then(to_decoded)
    return Photograph(
        rgb=rgb,
        face=look.face,
        sent_width=decoded.width,
        sent_height=decoded.height,
        to_sent=to_decoded.then(Similarity.scaling(decoded.reduction)),
        looks=look if both_ways else None,
        quarter_turns=look.quarter_turns,
    )


def _closer(photograph: Photograph, finer: DecodedImage, landmarker: Landmarker, *, mirrored: bool) -> Photograph:
    """The same face in a piece of a finer decode; the given photograph where the face is not found again there."""
    whole, to_whole = finer.rgb, Similarity.translation(0, 0)
    if mirrored:
        whole, to_whole = _mirrored(whole), Similarity.mirroring(whole.shape[1])
    to_sent = to_whole.then(Similarity.scaling(finer.reduction))
    if photograph.quarter_turns:
        turning = Similarity.turning(photograph.quarter_turns, width=whole.shape[1], height=whole.shape[0])
        whole, to_sent = np.rot90(whole, photograph.quarter_turns), turning.inverse().then(to_sent)
    to_finer = photograph.to_sent.then(to_sent.inverse())
    points = to_finer.apply(photograph.face.points[:, :2])
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    half = _PIECE_REACH / 2 * photograph.face.size_px * to_finer.scale
    x0, y0 = np.floor(centre - half).clip(0).astype(int)
    x1, y1 = np.ceil(centre + half).astype(int)
    piece = np.ascontiguousarray(whole[y0:y1, x0:x1])
    both_ways = photograph.looks is not None
    try:
        look = landmarker.look(piece, policy="largest", both_ways=both_ways)
    except NoFace:
        return photograph
    apart = np.linalg.norm(look.face.points[:, :2].mean(axis=0) + np.array([x0, y0]) - points.mean(axis=0))
    if look.quarter_turns or apart > 0.3 * look.face.size_px:
        return photograph
    # The head's turn as the whole picture showed it: the piece has another optical axis.
    look = dataclasses.replace(look, face=dataclasses.replace(look.face, pose=photograph.face.pose))
    return dataclasses.replace(
        photograph,
        rgb=piece,
        face=look.face,
        to_sent=Similarity.translation(float(x0), float(y0)).then(to_sent),
        looks=look if both_ways else None,
    )


def _mirrored(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    # OpenCV mirrors a megapixel in 0.3 ms, a copy through negative strides takes 4.6.
    return np.asarray(cv2.flip(rgb, 1), dtype=np.uint8)
