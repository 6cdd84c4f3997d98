"""Onset and apex in one crop, as alike as a head, a lamp and a camera can make them: what is left is the face.

The canonical crop is that of the published flow images (MEGC2019 composite): eye centres near (.25, .29) and (.74,
.29), mouth corners near (.29, .71) and (.68, .71) of width and height, mean over CASME II and SMIC.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from face.frame.geometry import Similarity, fit_similarity
from face.landmarks.found_face import Face
from face.microexpression.flow import ByteArray, FloatArray, dis_flow, luminance, match_exposure
from face.microexpression.head_motion import depth_map, head_motion
from face.microexpression.spec import MicroExpressionSpec

# Landmark indices of the 478-point mesh.
MOUTH = (61, 291)
# Points that hardly move with the face: eye corners, nose bridge, temples.
STABLE_POINTS = (33, 133, 362, 263, 168, 6, 197, 195, 127, 356, 234, 454)
# The outlines of the eyes' openings, the patient's right and left; what is in them moves by itself.
EYE_OUTLINES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382),
)
LID_PX = 8  # how far a lid's own movement reaches beyond the opening
# The outline of the face; what lies beyond it does not turn with the head.
FACE_OUTLINE = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
# Pixels nearer than this to the edge of a photograph see what is not there: flow and windows reach across.
EDGE_PX = 3


@dataclass(frozen=True, eq=False)
class RegisteredPair:
    """Arrays are (H, W) float32 of the crop.

    onset, apex: luminance, matched in light and sharpness. inside: 1 where both photographs reach, else 0. mask: 0..1,
    the same about the face alone. within: 1 inside the outline of the face in both. eyes: 1 in the openings of the eyes
    at onset or apex and on their lids. texture: 0..1, how much there is that shows the head's motion. depth: the face's
    relief. apex_to_crop: apex photograph -> crop. interocular_px: of the crop. blurred: mean square of what matching
    the sharpness took away, squared grey levels.
    """

    onset: FloatArray
    apex: FloatArray
    inside: FloatArray
    mask: FloatArray
    within: FloatArray
    eyes: FloatArray
    texture: FloatArray
    depth: FloatArray
    onset_to_crop: Similarity
    apex_to_crop: Similarity
    interocular_px: float
    blurred: float


def onset_crop(face: Face, spec: MicroExpressionSpec) -> Similarity:
    """Photograph -> canonical crop from the onset's landmarks: eye centres and the middle of the mouth corners, least
    squares."""
    size = np.array([spec.crop_width, spec.crop_height], np.float64)
    target = np.array([*spec.eyes, spec.mouth]) * size
    source = np.vstack([face.eye_centres, face.points[list(MOUTH), :2].astype(np.float64).mean(0)])
    return fit_similarity(source, target)


@lru_cache(maxsize=4)
def face_ellipse(spec: MicroExpressionSpec) -> FloatArray:
    """(H, W) soft mask in 0..1 of where the crop shows the face rather than hair and background; shared, not
    writeable."""
    rows, columns = np.mgrid[0 : spec.crop_height, 0 : spec.crop_width]
    distance = np.hypot((columns / spec.crop_width - 0.495) / 0.47, (rows / spec.crop_height - 0.50) / 0.55)
    mask: FloatArray = np.clip((1.15 - distance) / 0.25, 0, 1).astype(np.float32)
    mask.flags.writeable = False
    return mask


def register_pair(
    onset_rgb: ByteArray, onset_face: Face, apex_rgb: ByteArray, apex_face: Face, spec: MicroExpressionSpec
) -> RegisteredPair:
    """Both photographs (H, W, 3) in the onset's crop; the apex by the head's stable points, then by the flow itself, so
    that the detector's jitter is no motion."""
    size = (spec.crop_width, spec.crop_height)
    to_crop = onset_crop(onset_face, spec)
    stable = list(STABLE_POINTS)
    apex_to_crop = fit_similarity(
        apex_face.points[stable, :2].astype(np.float64), onset_face.points[stable, :2].astype(np.float64)
    ).then(to_crop)
    depth = depth_map(
        onset_face,
        to_crop.apply(onset_face.points[:, :2]),
        to_crop.scale,
        width=spec.crop_width,
        height=spec.crop_height,
    )
    first = luminance(to_crop.warp(onset_rgb, size=size))
    for step in range(spec.registration_steps):
        inside = _inside(to_crop, onset_rgb, size) * _inside(apex_to_crop, apex_rgb, size)
        landmarks = to_crop.apply(onset_face.points[:, :2]), apex_to_crop.apply(apex_face.points[:, :2])
        mask = face_ellipse(spec) * inside
        second = match_exposure(
            luminance(apex_to_crop.warp(apex_rgb, size=size)), first, mask, window_px=spec.exposure_window_px
        )
        onset, apex = match_sharpness(first, second, mask)
        eyes = _eyes(*landmarks, size)
        texture = mask * (1 - eyes) * _texture(onset)
        if step == spec.registration_steps - 1:
            break
        # The head as a whole is seen well enough at half the resolution; only the last flow is the one that is kept.
        evenly_lit = match_exposure(apex, onset, mask, window_px=spec.light_window_px)
        whole = head_motion(dis_flow(onset, evenly_lit, replace(spec.dis, finest_scale=1)), texture, depth=depth)
        # `whole` maps onset crop -> apex crop, in pixel indices; undoing it, in points, brings the apex onto the onset.
        centres = Similarity.translation(-0.5, -0.5).then(Similarity(whole.similarity))
        apex_to_crop = apex_to_crop.then(centres.then(Similarity.translation(0.5, 0.5)).inverse())
    taken = mask * ((first - onset) ** 2 + (second - apex) ** 2)
    return RegisteredPair(
        onset=onset,
        apex=apex,
        inside=inside,
        mask=mask,
        within=_within_outline(*landmarks, size, spec.outline_px),
        eyes=eyes,
        texture=texture,
        depth=depth,
        onset_to_crop=to_crop,
        apex_to_crop=apex_to_crop,
        interocular_px=float(np.linalg.norm(np.diff(to_crop.apply(onset_face.eye_centres), axis=0))),
        blurred=float(taken.sum() / (mask.sum() + 1e-6)),
    )


def _inside(to_crop: Similarity, photograph: ByteArray, size: tuple[int, int]) -> FloatArray:
    """(H, W), 1 where the crop shows the photograph and 0 where it could only repeat the photograph's edge."""
    height, width = photograph.shape[:2]
    edge = EDGE_PX / to_crop.scale
    back = to_crop.inverse()
    columns, rows = np.arange(size[0]) + 0.5, np.arange(size[1])[:, None] + 0.5
    inside = np.ones((size[1], size[0]), bool)
    for (across, down, shift), length in zip(back.matrix, (width, height), strict=True):
        seen = across * columns + down * rows + shift
        inside &= (seen >= edge) & (seen <= length - edge)
    return inside.astype(np.float32)


def _eyes(onset: npt.NDArray[np.float64], apex: npt.NDArray[np.float64], size: tuple[int, int]) -> FloatArray:
    """Landmarks (478, 2) of both frames in the crop -> (H, W), 1 in the eyes' openings and on the lids, else 0."""
    openings = np.zeros((size[1], size[0]), np.uint8)
    for points in (onset, apex):
        for outline in EYE_OUTLINES:
            cv2.fillPoly(openings, [np.rint(points[list(outline)]).astype(np.int32)], 1)
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * LID_PX + 1, 2 * LID_PX + 1))
    return np.asarray(cv2.dilate(openings, reach), np.float32)


def _within_outline(
    onset: npt.NDArray[np.float64], apex: npt.NDArray[np.float64], size: tuple[int, int], from_edge_px: int
) -> FloatArray:
    """Landmarks (478, 2) of both frames in the crop -> (H, W), 1 where both show the face, `from_edge_px` or more from
    its outline, else 0. The background stands still when the head turns, and along the outline it comes and goes."""
    within = np.ones((size[1], size[0]), np.uint8)
    for points in (onset, apex):
        face = np.zeros_like(within)
        cv2.fillPoly(face, [np.rint(points[list(FACE_OUTLINE)]).astype(np.int32)], 1)
        within &= face
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * from_edge_px + 1, 2 * from_edge_px + 1))
    # The crop's own edge is no outline.
    return np.asarray(cv2.erode(within, reach, borderType=cv2.BORDER_CONSTANT, borderValue=1), np.float32)


def match_sharpness(onset: FloatArray, apex: FloatArray, mask: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The sharper of the two frames (H, W) blurred until the finest detail of both, weighted by `mask`, has the same
    energy.

    A lens out of focus, a smaller copy or a stronger compression takes fine detail away, and flow reads its absence as
    motion of the edges. Frames that differ by less than a tenth stay as they are.
    """

    def energy(image: FloatArray) -> float:
        return float((mask * (image - cv2.GaussianBlur(image, (0, 0), 1.2)) ** 2).sum() / (mask.sum() + 1e-6))

    energies = energy(onset), energy(apex)
    least = min(energies)
    if max(energies) < 1.1 * least + 0.02:
        return onset, apex
    sharper = onset if energies[0] > least else apex
    low, high = 0.2, 3.0
    for _ in range(5):
        middle = (low + high) / 2
        low, high = (middle, high) if energy(_blurred(sharper, middle)) > least else (low, middle)
    matched = _blurred(sharper, (low + high) / 2)
    return (matched, apex) if energies[0] > least else (onset, matched)


def _blurred(image: FloatArray, sigma: float) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def _texture(grey: FloatArray) -> FloatArray:
    """(H, W) -> (H, W) in 0..1: how much there is to hold on to. Flow on bare skin is the smoothness term's guess and
    says nothing about the head."""
    gradient = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    smooth = cv2.GaussianBlur(gradient, (0, 0), 3)
    return np.asarray(smooth / (smooth + np.median(smooth) + 1e-6), np.float32)
