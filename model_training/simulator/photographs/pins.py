"""A third way to put a palsy on a photograph, for judging only: pins on brows, lids and mouth are moved, and the
picture bends between them by moving least squares (Schaefer, McPhail & Warren, "Image deformation using moving least
squares", ACM Transactions on Graphics 2006, affine deformations, equation 5).

It is kept out of training (`--mover either` does not draw it), so that figures on it say what a model is worth on
movements that it could not learn by heart. Amplitudes are its own; only the tables of `palsy.py` are shared.

Where it is weak: as `photograph.py`. It cannot close an eye (a lid that falls on the other one would have to cover what
bending can only squeeze), so gentle closure is not among its poses.
"""

from __future__ import annotations

import numpy as np

from face.landmarks.found_face import MIRROR_INDEX, Face
from model_training.simulator.palsy import tone_lost
from model_training.simulator.photographs.fields import (
    BROW,
    COMMISSURE,
    EYE_CORNERS,
    LOWER_LID,
    UPPER_LID,
    AskedMovement,
    EyeFrame,
    check_size,
    resample,
    source_places,
)

PIN_POSES = ("rest", "brow_lift", "closed_smile")

# MediaPipe's landmark numbers; left and right are the patient's. Lips: both outlines of one half of the mouth.
_LEFT_LIPS = (267, 269, 270, 409, 291, 375, 321, 405, 314, 312, 311, 310, 415, 308, 324, 318, 402, 317)
_LEFT_CHEEK = (425, 280)
LIPS = {"left": _LEFT_LIPS, "right": tuple(MIRROR_INDEX[list(_LEFT_LIPS)])}
CHEEK = {"left": _LEFT_CHEEK, "right": tuple(MIRROR_INDEX[list(_LEFT_CHEEK)])}
# The outline of the face, the bridge and the tip of the nose, and the middle of the lips stay.
STILL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 168, 6, 197, 4, 0, 17,
)  # fmt: skip

# Distances of the eye centres: (outwards, down).
SMILE, MOUTH_DROOP = np.array([0.08, -0.12]), np.array([0.0, 0.06])
BROW_LIFT, BROW_DROOP = -0.10, 0.04
CHEEK_SHARE = 0.4
# Share of the lid opening by which either lid stands wider without tone.
LID_WIDER = 0.1
# Points of the grid on which the map is computed, in a distance of the eye centres: several in an open eye.
GRID_PER_UNIT = 24
# Weight of a pin at distance d: d to the power of minus this.
FALLOFF = 4.0
# Keeps the map defined on a pin and where all near pins lie on a line.
TINY = 1e-4


def pull_photograph(rgb: np.ndarray, face: Face, asked: AskedMovement) -> np.ndarray:
    """Put one of PIN_POSES with a palsy on a photograph -> (H, W, 3) uint8. rgb, face and errors as in
    `warp_photograph`; ValueError for another pose."""
    check_size(rgb, face)
    if asked.pose not in PIN_POSES:
        raise ValueError(f"pins make {', '.join(PIN_POSES)}, not {asked.pose!r}")
    frame = EyeFrame.of(face)
    before = frame.to_frame(face.points[:, :2].astype(np.float64))
    motion = np.zeros_like(before)
    for side, outwards in (("left", 1.0), ("right", -1.0)):
        _move_side(motion, before, side, outwards, asked)
    if not motion.any():  # the map would be the picture's own but for rounding
        return rgb.copy()
    pins = np.asarray(
        [*STILL, *(point for side in BROW for group in (BROW, EYE_CORNERS, UPPER_LID, LOWER_LID, LIPS, CHEEK)
                   for point in group[side])]
    )  # fmt: skip
    old, new = before[pins], before[pins] + motion[pins]
    # Nothing moves outside the face's outline.
    low, high = before.min(axis=0), before.max(axis=0)

    def shift(at: np.ndarray) -> np.ndarray:
        inside = ((at > low) & (at < high)).all(axis=-1)
        moved = np.zeros_like(at)
        moved[inside] = moving_least_squares(at[inside], new, old) - at[inside]
        return moved

    return resample(rgb, frame.to_pixels(source_places(rgb, frame, shift, grid_per_unit=GRID_PER_UNIT)))


def _move_side(motion: np.ndarray, points: np.ndarray, side: str, outwards: float, asked: AskedMovement) -> None:
    """Add the motion of one side's pins to (478, 2) `motion`, in the eye frame."""
    out = np.array([outwards, 1.0])
    mouth = asked.motion("mouth", side, pose="closed_smile", full=SMILE, slack=MOUTH_DROOP)
    middle, corner = points[0, 0], points[COMMISSURE[side], 0]
    lips = list(LIPS[side])
    share = np.clip((points[lips, 0] - middle) / (corner - middle), 0, 1)
    motion[lips] += share[:, None] * mouth * out
    motion[list(CHEEK[side])] += CHEEK_SHARE * mouth * out
    motion[list(BROW[side]), 1] += asked.motion("forehead", side, pose="brow_lift", full=BROW_LIFT, slack=BROW_DROOP)
    upper, lower = list(UPPER_LID[side]), list(LOWER_LID[side])
    wider = LID_WIDER * tone_lost(asked.severity_of(side).eye) * (points[lower, 1] - points[upper, 1])
    motion[upper, 1] -= wider
    motion[lower, 1] += wider


def moving_least_squares(at: np.ndarray, pins: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Places (N, 2) -> (N, 2): the affine map that takes the pins (P, 2) to `values` (P, 2) best, near pins counting
    most, at each place anew. It takes every pin exactly to its value."""
    x, y = (at[:, None, axis] - pins[:, axis] for axis in (0, 1))
    weights = 1 / (x**2 + y**2 + TINY**2) ** (FALLOFF / 2)  # (N, P)
    weights /= weights.sum(axis=1, keepdims=True)
    centre, centre_of_values = weights @ pins, weights @ values

    def covariance(others: np.ndarray, centre_of_others: np.ndarray) -> np.ndarray:
        products = pins[:, :, None] * others[:, None, :]  # (P, 2, 2)
        means = (weights @ products.reshape(-1, 4)).reshape(-1, 2, 2)
        return np.asarray(means - centre[:, :, None] * centre_of_others[:, None, :])

    linear = np.linalg.solve(covariance(pins, centre) + TINY**2 * np.eye(2), covariance(values, centre_of_values))
    return np.asarray(centre_of_values + np.einsum("ni,nij->nj", at - centre, linear))
