"""One frame of a clip, cut down to its face: hundreds of them must fit into memory at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from face.landmarks.found_face import Face
from face.microexpression.flow import ByteArray
from face.microexpression.registration import onset_crop
from face.microexpression.spec import MicroExpressionSpec

# The crop shows a face at 71; half as much again leaves it what a registration between pixels takes.
KEPT_INTEROCULAR_PX = 110.0
# Kept beyond the crop at each side, in widths of it: another frame's crop lies a little beside this one's.
_MARGIN = 0.12


@dataclass(frozen=True, eq=False)
class FacePiece:
    """rgb (H, W, 3) uint8: the face and little else. face: in its pixels. sent_px: pixels of the picture as sent per
    pixel of it."""

    rgb: ByteArray
    face: Face
    sent_px: float


@dataclass(frozen=True, eq=False)
class ClipFrame:
    """time_s: from the clip's first frame. seen: None where no face was found."""

    time_s: float
    seen: FacePiece | None


def cut_to_face(rgb: ByteArray, face: Face, spec: MicroExpressionSpec, *, sent_px: float = 1.0) -> FacePiece:
    """What the crop of `spec` needs of a picture (H, W, 3); pixels that it would not see are left out, finer ones
    averaged."""
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64) * (spec.crop_width, spec.crop_height)
    seen = onset_crop(face, spec).inverse().apply(corners)
    margin = _MARGIN * np.linalg.norm(seen[1] - seen[0])
    left, top = np.maximum(0, np.floor(seen.min(axis=0) - margin)).astype(int)
    right, bottom = np.ceil(seen.max(axis=0) + margin).astype(int)
    # A copy: a view would keep the whole picture.
    piece = rgb[top:bottom, left:right].copy()
    scale = min(1.0, KEPT_INTEROCULAR_PX / face.interocular_px)
    if scale < 1:
        piece = np.asarray(cv2.resize(piece, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    points = (face.points - np.array([left, top, 0], np.float32)) * np.float32(scale)
    # The pose stays: a piece has no optical axis of its own.
    cut = replace(face, points=points, image_width=piece.shape[1], image_height=piece.shape[0])
    return FacePiece(rgb=piece, face=cut, sent_px=sent_px / scale)
