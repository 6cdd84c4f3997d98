"""Picture -> its faces with their landmarks.

The way of a picture: letterbox -> detector -> a turned square around each face -> landmark network -> points and pose.
Where both looks are asked for, all of it happens at the picture and at its mirror image (`look.py` says why): the
square is the mean of both detections, so that the mirrored picture is looked at in exactly the mirrored square.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
import numpy.typing as npt

from face.landmarks.face_regions import FaceRegion, find_regions, letterbox, sample
from face.landmarks.found_face import Face, choose_face
from face.landmarks.head_pose import head_pose
from face.landmarks.look import Look
from face.landmarks.networks import LANDMARK_SIZE, FaceNetworks, FloatArray, LiteRtNetworks
from face.landmarks.pieces import PIECES, is_cut, pieces
from face.vocabulary import FacePolicy

Rgb = npt.NDArray[np.uint8]

# An upright face is found with less in one of twenty portraits; turned ones with .6 to .9. Below, the other three turns
# are tried too, and one of them is taken where its score is higher by more than the margin.
_SURELY_UPRIGHT = 0.86
_UPRIGHT_MARGIN = 0.03
# Upright portraits are seen with a logit of 3 or more in both looks, 95 % with 14; half of those upside down with less.
_SURELY_A_FACE = 2.0


class FaceLandmarker:
    """Runs the networks of the landmark model on one core.

    Safe to share between threads: calls are serialised by a lock. For parallel work use one FaceLandmarker per thread
    or process; starting one takes about 50 ms.
    """

    def __init__(
        self, model_path: Path | None = None, *, max_faces: int = 8, networks: FaceNetworks | None = None
    ) -> None:
        """`max_faces` bounds the work on a crowd. networks: another runtime's; None runs `model_path` by LiteRT.

        Raises what find_landmark_model raises, and ValueError for max_faces < 1.
        """
        if max_faces < 1:
            raise ValueError(f"max_faces must be at least 1, got {max_faces}")
        self._max_faces = max_faces
        self._networks: FaceNetworks | None = networks or LiteRtNetworks(model_path)
        self._lock = threading.Lock()

    def detect(self, rgb: Rgb) -> list[Face]:
        """Faces of `rgb` (H, W, 3) uint8 by one look, largest first; an empty list where none is found.

        The detector sees the whole picture at 128x128 and misses faces under about a seventh of its longer side. Only
        where it finds nothing, it searches overlapping pieces of a half and then a quarter of that side (2 ms each).

        Raises:
            ValueError: not an 8-bit RGB array.
            RuntimeError: the landmarker is closed.
        """
        with self._lock:
            looks: list[Look] = []
            for regions in self._levels(rgb, PIECES, both_ways=False):
                if looks := self._look_at(rgb, regions, turns=0, both_ways=False):
                    break
        return sorted((look.face for look in looks), key=lambda face: face.size_px, reverse=True)

    def look(self, rgb: Rgb, *, policy: FacePolicy, both_ways: bool) -> Look:
        """The face of `rgb` (H, W, 3) uint8 that `policy` names, also where the picture lies on its side or upside
        down. both_ways: a second look, at the mirrored picture.

        Raises what `detect` and `choose_face` raise.
        """
        with self._lock:
            looks: list[Look] = []
            for turns, regions in self._candidates(rgb, both_ways=both_ways):
                seen = self._look_at(rgb, regions, turns=turns, both_ways=both_ways)
                if any(look.certainty >= _SURELY_A_FACE for look in seen):
                    looks = seen
                    break
                # Hardly seen as the picture was sent: it may be half of what another turn shows better.
                if turns == 0:
                    looks = looks or seen
        # A face that one look alone sees counts where no other is seen by both.
        if any(look.disagreement is not None for look in looks):
            looks = [look for look in looks if look.disagreement is not None]
        by_face = {look.face: look for look in looks}
        return by_face[choose_face(list(by_face), policy=policy)]

    def follow(self, rgb: Rgb, before: Face) -> Look | None:
        """One look at `rgb` (H, W, 3) uint8 where the picture before it in a clip had the upright face `before`; None
        where it is gone. The detector, and what else is in the picture, is left out.

        Raises RuntimeError where the landmarker is closed.
        """
        region = FaceRegion.around(before.points, eyes=before.eye_centres, score=1.0)
        with self._lock:
            looks = self._look_at(rgb, [region], turns=0, both_ways=False)
        return looks[0] if looks else None

    def close(self) -> None:
        """Free the networks; safe to call twice."""
        with self._lock:
            self._networks = None

    def __enter__(self) -> FaceLandmarker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> FaceNetworks:
        if self._networks is None:
            raise RuntimeError("this FaceLandmarker is closed")
        return self._networks

    def _candidates(self, rgb: Rgb, *, both_ways: bool) -> Iterator[tuple[int, list[FaceRegion]]]:
        """Quarter turns after which faces may stand upright, and where they are then; likeliest first."""
        views = _Views.of(rgb, both_ways=both_ways)
        as_sent = self._find_in(views)
        sure = _upright_score(as_sent) >= _SURELY_UPRIGHT
        if sure:
            yield 0, as_sent
        others = [(turns, self._find_in(views.turned(turns))) for turns in (1, 2, 3)]
        if not sure:
            others.append((0, as_sent))
        others.sort(key=lambda found: _upright_score(found[1]) + _UPRIGHT_MARGIN * (found[0] == 0), reverse=True)
        for turns, regions in others:
            if turns and regions:
                # Found again as if the picture had been sent upright: its small copy turned is not quite the small copy
                # of it turned, and a grade may hang on less. What stands askew is no face, or another turn's.
                views = _Views.of(np.ascontiguousarray(np.rot90(rgb, turns)), both_ways=both_ways)
                regions = [region for region in self._find_in(views) if region.is_upright]
            yield turns, regions
        for regions in self._levels(rgb, PIECES, both_ways=both_ways, whole=False):
            yield 0, regions
        for turns in (1, 2, 3):
            turned = np.ascontiguousarray(np.rot90(rgb, turns))
            for regions in self._levels(turned, PIECES[:1], both_ways=both_ways, whole=False):
                yield turns, regions

    def _levels(
        self, rgb: Rgb, fractions: Sequence[float], *, both_ways: bool, whole: bool = True
    ) -> Iterator[list[FaceRegion]]:
        """Where faces are in the whole picture, then in pieces of it, larger pieces first."""
        if whole:
            yield self._find_in(_Views.of(rgb, both_ways=both_ways))
        height, width = rgb.shape[:2]
        for fraction in fractions:
            side = round(max(height, width) * fraction)
            found: list[FaceRegion] = []
            for x, y in pieces(width, height, side=side):
                for region in self._find_in(_Views.of(rgb[y : y + side, x : x + side], both_ways=both_ways)):
                    moved = region.moved(x, y)
                    if not is_cut(*moved.box, piece=(x, y), side=side, width=width, height=height):
                        found.append(moved)
            yield _without_repeats(found)[: self._max_faces]

    def _find_in(self, views: _Views) -> list[FaceRegion]:
        networks = self._running()
        first = find_regions(views.plain, networks, width=views.width, height=views.height)
        if views.mirrored is None:
            return first[: self._max_faces]
        second = [
            region.mirrored(views.width)
            for region in find_regions(views.mirrored, networks, width=views.width, height=views.height)
        ]
        return _merged(first, second)[: self._max_faces]

    def _look_at(self, rgb: Rgb, regions: Sequence[FaceRegion], *, turns: int, both_ways: bool) -> list[Look]:
        """The faces that the network sees in `regions` of the turned picture."""
        turned = np.ascontiguousarray(np.rot90(rgb, turns))
        looks = []
        for region in regions:
            seen = [self._look(turned, region)]
            if both_ways:
                seen.append(self._look(turned, region, mirrored=True))
            faces = [face for face, logit in seen if logit >= 0]  # a probability of one half or more
            if faces:
                look = Look.mean(*faces) if len(faces) == 2 else Look(faces[0])
                certainty = min(logit for _, logit in seen)
                looks.append(dataclasses.replace(look, quarter_turns=turns, certainty=certainty))
        return looks

    def _look(self, rgb: Rgb, region: FaceRegion, *, mirrored: bool = False) -> tuple[Face, float]:
        """The face in `region` of `rgb`, seen in the picture or in its mirror image, and the network's logit that there
        is one."""
        height, width = rgb.shape[:2]
        seen_at = region.mirrored(width) if mirrored else region
        crop = sample(rgb, seen_at, LANDMARK_SIZE, mirrored=mirrored, border=cv2.BORDER_REPLICATE)
        points, logits = self._running().landmarks(crop[None] / np.float32(255))
        on_picture = seen_at.on_picture(points[0].astype(np.float64), LANDMARK_SIZE).astype(np.float32)
        face = Face(
            points=on_picture,
            pose=head_pose(on_picture, width=width, height=height),
            image_width=width,
            image_height=height,
        )
        return face.mirrored() if mirrored else face, float(logits[0])


@dataclass(frozen=True, eq=False)
class _Views:
    """A picture of `width` x `height` and, where wanted, its mirror image, as the detector takes them."""

    width: int
    height: int
    plain: FloatArray
    mirrored: FloatArray | None

    @classmethod
    def of(cls, rgb: Rgb, *, both_ways: bool) -> _Views:
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
            raise ValueError(f"a landmarker needs a (H, W, 3) uint8 array, got {rgb.dtype} {rgb.shape}")
        mirrored = letterbox(rgb, mirrored=True) if both_ways else None
        return cls(width=rgb.shape[1], height=rgb.shape[0], plain=letterbox(rgb), mirrored=mirrored)

    def turned(self, quarter_turns: int) -> _Views:
        """Of the picture turned counter-clockwise; its mirror image turns the other way."""
        width, height = (self.height, self.width) if quarter_turns % 2 else (self.width, self.height)
        mirrored = None if self.mirrored is None else np.rot90(self.mirrored, -quarter_turns)
        return _Views(width, height, np.ascontiguousarray(np.rot90(self.plain, quarter_turns)), mirrored)


def _upright_score(regions: Sequence[FaceRegion]) -> float:
    """The detector's best score for a face that stands upright, to an eighth of a turn; 0 without one."""
    return max((region.score for region in regions if region.is_upright), default=0.0)


def _merged(first: Sequence[FaceRegion], second: Sequence[FaceRegion]) -> list[FaceRegion]:
    """Of each face that both detections have the mean; where they have none in common, all; surest first."""
    rest = list(second)
    common = []
    for region in first:
        twin = next((other for other in rest if region.is_same_face(other)), None)
        if twin is not None:
            rest.remove(twin)
            common.append(region.mean_with(twin))
    return sorted(common or [*first, *second], key=lambda region: region.score, reverse=True)


def _without_repeats(regions: Sequence[FaceRegion]) -> list[FaceRegion]:
    """One of each face that several pieces have found, larger ones first."""
    kept: list[FaceRegion] = []
    for region in sorted(regions, key=lambda region: region.side, reverse=True):
        if not any(region.is_same_face(other) for other in kept):
            kept.append(region)
    return kept
