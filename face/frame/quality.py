"""Is the photograph good enough? Figures, refusals and warnings that say what to do."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from face.errors import FaceTooSmall, FaceTurnedAway
from face.frame.alignment import AlignedFace, align_face
from face.frame.regions import mosaic
from face.landmarks.found_face import Face

# Where the outline of the face meets the ears: the patient's right, then left.
_FACE_SIDES = (234, 454)


@dataclass(frozen=True)
class Quality:
    """What was measured on one face.

    face_width_px: distance between the ears' front edges on the photograph as sent, in 3D, so that turning the head
        does not shrink it.
    yaw_deg: > 0 when the patient turns to their own left (to the right in the picture).
    pitch_deg: > 0 when the patient looks up.
    roll_deg: > 0 when the head tilts to the patient's left shoulder (clockwise in the picture).
    sharpness: variance of the Laplacian of the canonical face, divided by the squared mean, times 1000; independent of
        exposure and, since the canonical face has one size, of the photograph's resolution.
    exposure: mean luminance of the face, 0 black to 1 white.
    clipped: fraction of the face that is nearly black or nearly white.
    uneven_light: difference of the mean luminance of the two halves of the face, divided by their sum; > 0 when the
        patient's left is brighter.
    """

    face_width_px: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    sharpness: float
    exposure: float
    clipped: float
    uneven_light: float


@dataclass(frozen=True)
class QualityLimits:
    """Beyond `min`/`max` a photograph is refused, beyond `warn` it is answered with a warning. A model's manifest may
    set its own.
    """

    min_face_width_px: float = 64.0
    warn_face_width_px: float = 128.0
    # The landmark model understates a strong turn: 35 degrees measured are about 45 degrees of the head.
    max_yaw_deg: float = 35.0
    warn_yaw_deg: float = 15.0
    max_pitch_deg: float = 40.0
    warn_pitch_deg: float = 20.0
    warn_roll_deg: float = 25.0
    warn_sharpness: float = 0.3
    warn_exposure_low: float = 0.2
    warn_exposure_high: float = 0.85
    warn_clipped: float = 0.25
    warn_uneven_light: float = 0.25

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"QualityLimits.{name} must be a finite number >= 0, got {value}")


# The pose matrix turns with the place of the face in the photograph, by this share of the angle between the optical
# axis (for the field of view that MediaPipe assumes) and the line to the face: slopes of .25 (yaw) and .35 (pitch) over
# 36 places of one face. Taking it out makes the angles the same wherever the face lies, to about one degree.
_SHARE_OF_VIEW_ANGLE = 0.3


def head_angles(pose: npt.NDArray[np.float32]) -> tuple[float, float, float]:
    """(yaw, pitch, roll) in degrees from the (4, 4) pose matrix, wherever in the photograph the face lies; signs as in
    Quality.
    """
    rotation = pose[:3, :3].astype(np.float64)
    forward = rotation[:, 2]
    to_camera = -pose[:3, 3].astype(np.float64)
    yaw = math.atan2(forward[0], forward[2]) - _SHARE_OF_VIEW_ANGLE * math.atan2(to_camera[0], to_camera[2])
    pitch = _elevation(forward) - _SHARE_OF_VIEW_ANGLE * _elevation(to_camera)
    # Where the face's x axis points on the picture, y up.
    roll = -math.atan2(rotation[1, 0], rotation[0, 0])
    return math.degrees(math.remainder(yaw, 2 * math.pi)), math.degrees(pitch), math.degrees(roll)


def _elevation(direction: npt.NDArray[np.float64]) -> float:
    return math.atan2(direction[1], math.hypot(direction[0], direction[2]))


def measure_quality(
    rgb: npt.NDArray[np.uint8], face: Face, *, aligned: AlignedFace | None = None, sent_px: float = 1.0
) -> Quality:
    """Measure `face` in `rgb` (H, W, 3); pass `aligned` where the face is aligned already, to save doing it again.

    sent_px: pixels of the picture as sent per pixel of `rgb`.
    """
    if aligned is None:
        aligned = align_face(rgb, face)
    sides = face.points[list(_FACE_SIDES)].astype(np.float64)
    yaw, pitch, roll = head_angles(face.pose)
    # The mosaic holds the face and little else.
    luminance = cv2.cvtColor(mosaic(aligned), cv2.COLOR_RGB2GRAY).astype(np.float32)
    half = luminance.shape[1] // 2
    right, left = float(luminance[:, :half].mean()), float(luminance[:, half:].mean())
    mean = float(luminance.mean())
    laplacian = cv2.Laplacian(luminance, cv2.CV_32F)
    return Quality(
        face_width_px=float(np.linalg.norm(sides[1] - sides[0])) * sent_px,
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        sharpness=1000.0 * float(laplacian.var()) / max(mean, 1.0) ** 2,
        exposure=mean / 255.0,
        clipped=float(((luminance < 8) | (luminance > 247)).mean()),
        uneven_light=(left - right) / max(left + right, 1.0),
    )


def check_quality(quality: Quality, limits: QualityLimits) -> list[str]:
    """Warnings, one sentence each, for a photograph that can be answered.

    Raises:
        FaceTooSmall: narrower than `min_face_width_px`.
        FaceTurnedAway: yaw or pitch beyond `max_yaw_deg` or `max_pitch_deg`.
    """
    if quality.face_width_px < limits.min_face_width_px:
        raise FaceTooSmall(
            f"The face is {quality.face_width_px:.0f} pixels wide; at least {limits.min_face_width_px:.0f} are needed. "
            "Take the photograph closer or send it in full resolution."
        )
    if abs(quality.yaw_deg) > limits.max_yaw_deg:
        raise FaceTurnedAway(
            f"The face is turned {abs(quality.yaw_deg):.0f} degrees to the patient's {_side(quality.yaw_deg)}; "
            f"at most {limits.max_yaw_deg:.0f} are allowed. Take the photograph from the front."
        )
    if abs(quality.pitch_deg) > limits.max_pitch_deg:
        raise FaceTurnedAway(
            f"The face is tipped {abs(quality.pitch_deg):.0f} degrees {'up' if quality.pitch_deg > 0 else 'down'}; "
            f"at most {limits.max_pitch_deg:.0f} are allowed. Hold the camera at the height of the eyes."
        )
    warnings = []
    if quality.face_width_px < limits.warn_face_width_px:
        warnings.append(
            f"The face is only {quality.face_width_px:.0f} pixels wide; "
            f"take the photograph closer, so that it has {limits.warn_face_width_px:.0f} or more."
        )
    if abs(quality.yaw_deg) > limits.warn_yaw_deg:
        warnings.append(
            f"The face is turned {abs(quality.yaw_deg):.0f} degrees to the patient's {_side(quality.yaw_deg)}, "
            "which looks like asymmetry; take the photograph from the front."
        )
    if abs(quality.pitch_deg) > limits.warn_pitch_deg:
        warnings.append(
            f"The face is tipped {abs(quality.pitch_deg):.0f} degrees {'up' if quality.pitch_deg > 0 else 'down'}; "
            "hold the camera at the height of the eyes."
        )
    if abs(quality.roll_deg) > limits.warn_roll_deg:
        warnings.append(
            f"The head is tilted {abs(quality.roll_deg):.0f} degrees to the patient's {_side(quality.roll_deg)} "
            "shoulder; ask the patient to hold it upright."
        )
    if quality.sharpness < limits.warn_sharpness:
        warnings.append(
            f"The face is blurred (sharpness {quality.sharpness:.2f}, below {limits.warn_sharpness:.2f}); "
            "focus on the face and hold still."
        )
    if quality.exposure < limits.warn_exposure_low:
        warnings.append(
            f"The face is too dark (mean brightness {quality.exposure:.2f} of 1); use more light from the front."
        )
    if quality.exposure > limits.warn_exposure_high:
        warnings.append(f"The face is overexposed (mean brightness {quality.exposure:.2f} of 1); use less light.")
    if quality.clipped > limits.warn_clipped:
        warnings.append(
            f"{quality.clipped:.0%} of the face is pure black or pure white and shows no detail; "
            "use softer light from the front."
        )
    if abs(quality.uneven_light) > limits.warn_uneven_light:
        warnings.append(
            f"The patient's {_side(quality.uneven_light)} half of the face is much brighter than the other, "
            "which looks like asymmetry; light the face evenly from the front."
        )
    return warnings


def _side(signed: float) -> str:
    return "left" if signed > 0 else "right"
