"""A palsy put on the photograph of a healthy face: one side moves less, on the simulator's severity scale.

The whole change is one map from the new picture to the old one, so every pixel is sampled once:

- Brows and mouth corners move by smooth fields in the frame of the eyes (x along the eye line, unit: distance of
  the eye centres), inverted by fixed-point iteration.
- Lids are no part of those fields. The skin between brow and lid margin is stretched down over the eyeball, which
  stays in place and is covered, as in life: nothing of the iris is squeezed. A lid that opens wider stretches the
  eye instead, since what it would uncover is not in the photograph.

Where it is weak. Start from a neutral, roughly frontal photograph with open eyes and a closed mouth: a smile that
is already there cannot be taken away, teeth cannot be added. Closed lids lack the shading of their own curve and
the lashes of a closed eye. Lines of the skin (forehead, nasolabial fold) neither appear nor vanish. There is no
Bell's phenomenon and no synkinesis. Displacements are in the picture's plane, so beyond some 15 degrees of yaw
they run along the wrong direction of the face. Hair or glasses over the brow or the lid move with the skin.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from model_training.simulator.palsy import RegionalSeverity, movement_left, tone_lost
from service.preprocessing.landmarks import Face

PHOTO_POSES = ("rest", "brow_lift", "gentle_closure", "closed_smile")

# MediaPipe's landmark numbers; left and right are the patient's.
COMMISSURE = {"left": 291, "right": 61}
EYE_CORNERS = {"left": (263, 362), "right": (33, 133)}  # outer, inner
UPPER_LID = {"left": (466, 388, 387, 386, 385, 384, 398), "right": (246, 161, 160, 159, 158, 157, 173)}
LOWER_LID = {"left": (249, 390, 373, 374, 380, 381, 382), "right": (7, 163, 144, 145, 153, 154, 155)}
BROW = {"left": (300, 293, 334, 296, 336, 276, 283, 282, 295, 285), "right": (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)}
BROW_LOWER_EDGE = {"left": (276, 283, 282, 295, 285), "right": (46, 53, 52, 65, 55)}

# Full healthy movements and full loss of tone, in distances of the eye centres (x outwards, y down).
SMILE = np.array([0.11, -0.11])
MOUTH_DROOP = np.array([-0.01, 0.07])
BROW_LIFT, BROW_DROOP = -0.12, 0.05
# Shares of the lid opening: how far the upper lid comes down in full closure, and how wide a lid without tone stands.
UPPER_LID_SHARE = 0.9
UPPER_LID_WIDER, LOWER_LID_WIDER = 0.10, 0.14

MOUTH_REACH = 0.20
MIDLINE_BLEND = 0.08
BROW_REACH_X, BROW_REACH_UP, BROW_REACH_DOWN = 0.24, 0.22, 0.10
LOWER_LID_REACH = 0.22
INVERSION_STEPS = 6


@dataclass(frozen=True)
class EyeFrame:
    """Similarity frame of the eye line: origin between the eye centres, x towards the patient's left, unit their
    distance."""

    origin: np.ndarray
    x_axis: np.ndarray
    unit_px: float

    @classmethod
    def of(cls, face: Face) -> EyeFrame:
        right, left = face.eye_centres
        across = left - right
        unit = float(np.linalg.norm(across))
        return cls(origin=(left + right) / 2, x_axis=across / unit, unit_px=unit)

    @property
    def y_axis(self) -> np.ndarray:
        return np.array([-self.x_axis[1], self.x_axis[0]])

    def to_frame(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) pixels -> (..., 2) frame units, y down the face."""
        centred = points - self.origin
        return np.stack([centred @ self.x_axis, centred @ self.y_axis], axis=-1) / self.unit_px

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        return self.origin + self.unit_px * (points[..., :1] * self.x_axis + points[..., 1:] * self.y_axis)


def warp_photograph(
    rgb: np.ndarray, face: Face, *, pose: str, side: str, severity: RegionalSeverity, effort: float = 1.0
) -> np.ndarray:
    """Put a pose with a palsy on a photograph -> (H, W, 3) uint8.

    rgb: (H, W, 3) uint8; face: the landmarks found in it; pose: one of PHOTO_POSES; side: the affected side of the
    patient, 'left' or 'right' (of no effect at severity 0). ValueError for another pose, side or picture size.
    """
    if pose not in PHOTO_POSES:
        raise ValueError(f"pose must be one of {', '.join(PHOTO_POSES)}, got {pose!r}")
    if side not in COMMISSURE:
        raise ValueError(f"side must be left or right, got {side!r}")
    if rgb.shape[:2] != (face.image_height, face.image_width):
        raise ValueError(f"the face was found in a {face.image_width}x{face.image_height} picture, this is {rgb.shape}")
    frame = EyeFrame.of(face)
    landmarks = frame.to_frame(face.points[:, :2].astype(np.float64))
    severities = {key: severity if key == side else RegionalSeverity.even(0.0) for key in COMMISSURE}
    x, y = np.meshgrid(np.arange(rgb.shape[1]), np.arange(rgb.shape[0]))
    target = frame.to_frame(np.stack([x, y], axis=-1).astype(np.float64))
    source = target
    for _ in range(INVERSION_STEPS):
        source = target - _skin_motion(source, landmarks, pose, severities, effort)
    for key, level in severities.items():
        source = _move_lids(source, landmarks, key, pose, level, effort)
    source_px = frame.to_pixels(source).astype(np.float32)
    return cv2.remap(rgb, source_px[..., 0], source_px[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _skin_motion(
    at: np.ndarray, landmarks: np.ndarray, pose: str, severities: dict[str, RegionalSeverity], effort: float
) -> np.ndarray:
    """Displacement (..., 2) of the skin at places (..., 2) of the old picture, in the eye frame."""
    motion = np.zeros_like(at)
    midline = landmarks[list(COMMISSURE.values()), 0].mean()
    for side, outwards in (("left", 1.0), ("right", -1.0)):
        severity = severities[side]
        own_half = 1 / (1 + np.exp(-outwards * (at[..., 0] - midline) / MIDLINE_BLEND))
        corner = landmarks[COMMISSURE[side]]
        near_mouth = own_half * np.exp(-((at - corner) ** 2).sum(axis=-1) / (2 * MOUTH_REACH**2))
        pull = tone_lost(severity.mouth) * MOUTH_DROOP
        if pose == "closed_smile":
            pull = pull + effort * movement_left("mouth", severity.mouth) * SMILE
        motion += near_mouth[..., None] * pull * np.array([outwards, 1.0])
        lift = tone_lost(severity.forehead) * BROW_DROOP
        if pose == "brow_lift":
            lift += effort * movement_left("forehead", severity.forehead) * BROW_LIFT
        brow = landmarks[list(BROW[side])].mean(axis=0)
        below = at[..., 1] > brow[1]
        reach_y = np.where(below, BROW_REACH_DOWN, BROW_REACH_UP)
        near_brow = np.exp(
            -((at[..., 0] - brow[0]) ** 2) / (2 * BROW_REACH_X**2) - (at[..., 1] - brow[1]) ** 2 / (2 * reach_y**2)
        )
        motion[..., 1] += near_brow * lift
    return motion


def _move_lids(
    at: np.ndarray, landmarks: np.ndarray, side: str, pose: str, severity: RegionalSeverity, effort: float
) -> np.ndarray:
    """Places (..., 2) behind new lids -> the places of the old picture that are seen there."""
    closure = min(1.0, effort) * movement_left("eye", severity.eye) if pose == "gentle_closure" else 0.0
    slack = tone_lost(severity.eye) * (1 - closure)
    if closure == 0 and slack == 0:
        return at
    outer, inner = EYE_CORNERS[side]
    x, y = at[..., 0], at[..., 1]
    upper = _curve(landmarks, (outer, *UPPER_LID[side], inner), x)
    lower = np.maximum(_curve(landmarks, (outer, *LOWER_LID[side], inner), x), upper)
    opening = lower - upper
    new_upper = upper + opening * (UPPER_LID_SHARE * closure - UPPER_LID_WIDER * slack)
    new_lower = lower - opening * ((1 - UPPER_LID_SHARE) * closure - LOWER_LID_WIDER * slack)
    new_lower = np.maximum(new_lower, new_upper)
    # Skin is taken from below the brow, or at least a third of the opening above the margin where the brow lies low.
    top = np.minimum(_curve(landmarks, BROW_LOWER_EDGE[side], x), upper - 0.35 * opening - 0.02)
    bottom = lower + LOWER_LID_REACH
    tiny = 1e-9
    upper_skin = top + (y - top) * (upper - top) / np.maximum(new_upper - top, tiny)
    lower_skin = lower + (y - new_lower) * (bottom - lower) / np.maximum(bottom - new_lower, tiny)
    widened = upper + (y - new_upper) * opening / np.maximum(new_lower - new_upper, tiny)
    eyeball = y if closure > 0 and slack * UPPER_LID_WIDER < UPPER_LID_SHARE * closure else widened
    seen = np.where(y < new_upper, upper_skin, np.where(y < new_lower, eyeball, lower_skin))
    between_corners = (x - landmarks[outer, 0]) * (x - landmarks[inner, 0]) < 0
    moved = between_corners & (y > top) & (y < bottom)
    return np.stack([x, np.where(moved, seen, y)], axis=-1)


def _curve(landmarks: np.ndarray, indices: tuple[int, ...], x: np.ndarray) -> np.ndarray:
    """Height of the line through landmarks at every x; level beyond its ends."""
    points = landmarks[list(indices)]
    points = points[np.argsort(points[:, 0])]
    return np.interp(x, points[:, 0], points[:, 1])
