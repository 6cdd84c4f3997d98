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

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TypeVar

import cv2
import numpy as np

from face.landmarks.found_face import Face
from face.palsy.severity import RegionalSeverity
from model_training.simulator.palsy import movement_left, tone_lost

PHOTO_POSES = ("rest", "brow_lift", "gentle_closure", "closed_smile")

# MediaPipe's landmark numbers; left and right are the patient's.
COMMISSURE = {"left": 291, "right": 61}
EYE_CORNERS = {"left": (263, 362), "right": (33, 133)}  # outer, inner
UPPER_LID = {"left": (466, 388, 387, 386, 385, 384, 398), "right": (246, 161, 160, 159, 158, 157, 173)}
LOWER_LID = {"left": (249, 390, 373, 374, 380, 381, 382), "right": (7, 163, 144, 145, 153, 154, 155)}
BROW = {"left": (300, 293, 334, 296, 336, 276, 283, 282, 295, 285), "right": (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)}
BROW_LOWER_EDGE = {"left": (276, 283, 282, 295, 285), "right": (46, 53, 52, 65, 55)}

# Share of the lid opening that the upper lid covers in a full closure; the lower lid comes up by the rest.
UPPER_LID_SHARE = 0.9
MIDLINE_BLEND = 0.08
INVERSION_STEPS = 6
# Points of the grid for the skin's motion, in a distance of the eye centres: the narrowest field spans several of them.
GRID_PER_UNIT = 12

# A displacement or one coordinate of it.
Motion = TypeVar("Motion", float, np.ndarray)

# How much styles differ: standard deviations of the logarithm of each number and of the direction of a smile.
STYLE_SPREAD = 0.2
STYLE_TURN_RAD = 0.25


@dataclass(frozen=True)
class AskedMovement:
    """What a photographed face is to do: pose, one of PHOTO_POSES, with a palsy of that severity of the patient's side
    'left' or 'right' (of no effect at severity 0). ValueError for another pose or side."""

    pose: str
    side: str
    severity: RegionalSeverity
    effort: float = 1.0

    def __post_init__(self) -> None:
        if self.pose not in PHOTO_POSES:
            raise ValueError(f"pose must be one of {', '.join(PHOTO_POSES)}, got {self.pose!r}")
        if self.side not in COMMISSURE:
            raise ValueError(f"side must be left or right, got {self.side!r}")

    def severity_of(self, side: str) -> RegionalSeverity:
        """Of the palsy of one side; none on the other."""
        return self.severity if side == self.side else RegionalSeverity.even(0.0)

    def motion(self, region: str, side: str, *, pose: str, full: Motion, slack: Motion) -> Motion:
        """What a region of one side does: `slack` as far as its tone is lost and, in its own `pose`, what palsy and
        effort leave of `full`."""
        severity = getattr(self.severity_of(side), region)
        moved = tone_lost(severity) * slack
        if self.pose == pose:
            moved = moved + self.effort * movement_left(region, severity) * full
        return moved


@dataclass(frozen=True, kw_only=True)
class WarpStyle:
    """Amplitudes and reaches of the movements, in distances of the eye centres unless said otherwise.

    smile, mouth_droop: (outwards, down) of the mouth corner in a full smile and at full loss of tone. brow_lift,
    brow_droop: down. upper_lid_wider, lower_lid_wider: shares of the lid opening by which lids without tone stand
    wider. The reaches are standard deviations of the smooth fields; lower_lid_reach is a length.
    """

    smile: tuple[float, float] = (0.11, -0.11)
    mouth_droop: tuple[float, float] = (-0.01, 0.07)
    mouth_reach: float = 0.20
    brow_lift: float = -0.12
    brow_droop: float = 0.05
    brow_reach_x: float = 0.24
    brow_reach_up: float = 0.22
    brow_reach_down: float = 0.10
    upper_lid_wider: float = 0.10
    lower_lid_wider: float = 0.14
    lower_lid_reach: float = 0.22

    @classmethod
    def sample(cls, rng: np.random.Generator) -> WarpStyle:
        """A style of its own: people differ in how far and in which direction they move, and so do warps."""

        def varied(value: float) -> float:
            return value * float(np.exp(rng.normal(0, STYLE_SPREAD)))

        turn = rng.normal(0, STYLE_TURN_RAD)
        (x, y), (cos, sin) = cls.smile, (np.cos(turn), np.sin(turn))
        strength = varied(1.0)
        plain = asdict(cls())
        numbers = {name: varied(float(plain[name])) for name in plain if name not in ("smile", "mouth_droop")}
        return cls(
            smile=(float(strength * (cos * x - sin * y)), float(strength * (sin * x + cos * y))),
            mouth_droop=(cls.mouth_droop[0], varied(cls.mouth_droop[1])),
            **numbers,
        )


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
        return np.asarray(self.origin + self.unit_px * (points[..., :1] * self.x_axis + points[..., 1:] * self.y_axis))


def warp_photograph(rgb: np.ndarray, face: Face, asked: AskedMovement, *, style: WarpStyle | None = None) -> np.ndarray:
    """Put a pose with a palsy on a photograph -> (H, W, 3) uint8.

    rgb: (H, W, 3) uint8; face: the landmarks found in it. ValueError where the face was found in another size.
    """
    check_size(rgb, face)
    style = style or WarpStyle()
    frame = EyeFrame.of(face)
    landmarks = frame.to_frame(face.points[:, :2].astype(np.float64))

    def inverse(grid: np.ndarray) -> np.ndarray:
        origin = grid
        for _ in range(INVERSION_STEPS):
            origin = grid - _skin_motion(origin, landmarks, asked, style)
        return np.asarray(origin - grid)

    source = source_places(rgb, frame, inverse, grid_per_unit=GRID_PER_UNIT)
    for side in COMMISSURE:
        source = _move_lids(source, landmarks, side, asked, style)
    return resample(rgb, frame.to_pixels(source))


def source_places(
    rgb: np.ndarray, frame: EyeFrame, shift: Callable[[np.ndarray], np.ndarray], *, grid_per_unit: int
) -> np.ndarray:
    """(H, W, 2) place, in the eye frame, of the old picture behind each pixel of the new one.

    shift: places (..., 2) of the new picture -> what to add for the old one. The skin moves smoothly: it is asked on a
    coarse grid and read between the grid's points.
    """
    step = max(1, int(frame.unit_px / grid_per_unit))
    rows, columns = (np.arange(0, size + step, step) for size in rgb.shape[:2])
    grid = frame.to_frame(np.stack(np.meshgrid(columns, rows), axis=-1).astype(np.float64))
    x, y = np.meshgrid(np.arange(rgb.shape[1], dtype=np.float32), np.arange(rgb.shape[0], dtype=np.float32))
    moved = cv2.remap(shift(grid).astype(np.float32), x / step, y / step, cv2.INTER_LINEAR)
    return frame.to_frame(np.stack([x, y], axis=-1).astype(np.float64)) + moved


def check_size(rgb: np.ndarray, face: Face) -> None:
    """ValueError where the face was found in a picture of another size."""
    if rgb.shape[:2] != (face.image_height, face.image_width):
        raise ValueError(f"the face was found in a {face.image_width}x{face.image_height} picture, this is {rgb.shape}")


def resample(rgb: np.ndarray, source_px: np.ndarray) -> np.ndarray:
    """The picture whose every pixel comes from (H, W, 2) places (x, y) of another one, read once, by cubic
    interpolation."""
    x, y = np.moveaxis(source_px.astype(np.float32), -1, 0)
    return cv2.remap(rgb, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _skin_motion(at: np.ndarray, landmarks: np.ndarray, asked: AskedMovement, style: WarpStyle) -> np.ndarray:
    """Displacement (..., 2) of the skin at places (..., 2) of the old picture, in the eye frame."""
    motion = np.zeros_like(at)
    midline = landmarks[list(COMMISSURE.values()), 0].mean()
    for side, outwards in (("left", 1.0), ("right", -1.0)):
        own_half = 1 / (1 + np.exp(-outwards * (at[..., 0] - midline) / MIDLINE_BLEND))
        corner = landmarks[COMMISSURE[side]]
        near_mouth = own_half * np.exp(-((at - corner) ** 2).sum(axis=-1) / (2 * style.mouth_reach**2))
        pull = asked.motion(
            "mouth", side, pose="closed_smile", full=np.array(style.smile), slack=np.array(style.mouth_droop)
        )
        motion += near_mouth[..., None] * pull * np.array([outwards, 1.0])
        lift = asked.motion("forehead", side, pose="brow_lift", full=style.brow_lift, slack=style.brow_droop)
        brow = landmarks[list(BROW[side])].mean(axis=0)
        below = at[..., 1] > brow[1]
        reach_y = np.where(below, style.brow_reach_down, style.brow_reach_up)
        near_brow = np.exp(
            -((at[..., 0] - brow[0]) ** 2) / (2 * style.brow_reach_x**2)
            - (at[..., 1] - brow[1]) ** 2 / (2 * reach_y**2)
        )
        motion[..., 1] += near_brow * lift
    return motion


def _move_lids(at: np.ndarray, landmarks: np.ndarray, side: str, asked: AskedMovement, style: WarpStyle) -> np.ndarray:
    """Places (..., 2) behind new lids -> the places of the old picture that are seen there."""
    severity = asked.severity_of(side).eye
    closure = min(1.0, asked.effort) * movement_left("eye", severity) if asked.pose == "gentle_closure" else 0.0
    slack = tone_lost(severity) * (1 - closure)
    if closure == 0 and slack == 0:
        return at
    outer, inner = EYE_CORNERS[side]
    highest = landmarks[list(BROW_LOWER_EDGE[side]), 1].min() - 1.0
    lowest = landmarks[list(LOWER_LID[side]), 1].max() + style.lower_lid_reach
    between_corners = (at[..., 0] - landmarks[outer, 0]) * (at[..., 0] - landmarks[inner, 0]) < 0
    near = between_corners & (at[..., 1] > highest) & (at[..., 1] < lowest)
    x, y = at[near].T
    upper = _curve(landmarks, (outer, *UPPER_LID[side], inner), x)
    lower = np.maximum(_curve(landmarks, (outer, *LOWER_LID[side], inner), x), upper)
    opening = lower - upper
    new_upper = upper + opening * (UPPER_LID_SHARE * closure - style.upper_lid_wider * slack)
    new_lower = lower - opening * ((1 - UPPER_LID_SHARE) * closure - style.lower_lid_wider * slack)
    new_lower = np.maximum(new_lower, new_upper)
    # Skin is taken from below the brow, or at least a third of the opening above the margin where the brow lies low.
    top = np.minimum(_curve(landmarks, BROW_LOWER_EDGE[side], x), upper - 0.35 * opening - 0.02)
    bottom = lower + style.lower_lid_reach
    tiny = 1e-9
    upper_skin = top + (y - top) * (upper - top) / np.maximum(new_upper - top, tiny)
    lower_skin = lower + (y - new_lower) * (bottom - lower) / np.maximum(bottom - new_lower, tiny)
    widened = upper + (y - new_upper) * opening / np.maximum(new_lower - new_upper, tiny)
    eyeball = y if closure > 0 and slack * style.upper_lid_wider < UPPER_LID_SHARE * closure else widened
    seen = np.where(y < new_upper, upper_skin, np.where(y < new_lower, eyeball, lower_skin))
    source = at.copy()
    source[near, 1] = np.where((y > top) & (y < bottom), seen, y)
    return source


def _curve(landmarks: np.ndarray, indices: tuple[int, ...], x: np.ndarray) -> np.ndarray:
    """Height of the line through landmarks at every x; level beyond its ends."""
    points = landmarks[list(indices)]
    points = points[np.argsort(points[:, 0])]
    return np.asarray(np.interp(x, points[:, 0], points[:, 1]))
