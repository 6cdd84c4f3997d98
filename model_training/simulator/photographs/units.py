"""The other way to put a palsy on a photograph: the simulator's face units move its landmarks, and the skin follows.

`photograph.py` moves brows, lids and mouth corners by a few smooth fields written for photographs. Here a photograph
makes the movement that a simulated head makes: every landmark is a place on the baked head, the head's movement there
(with synkinesis, the drag of the healthy side, a habitual trace of a smile) is turned to how the face is turned, and
the triangles between the landmarks follow. The two have no number in common except the tables of `palsy.py`, so that a
model which learns from both depends on neither.

Where it is weak: as `photograph.py`, and a lid that closes squeezes the eye into its margin instead of covering it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from scipy.spatial import Delaunay

from face.landmarks.canonical import pose_corrected
from face.landmarks.found_face import Face
from face.palsy.severity import RegionalSeverity
from model_training.simulator.head.head import HEAD_DATA, Head
from model_training.simulator.patient import Palsy, movement_weights, with_signs
from model_training.simulator.photographs.fields import LOWER_LID, UPPER_LID, AskedMovement, check_size, resample
from model_training.simulator.poses import MOVEMENTS

# The face's outline moves with the face; this ring outside it, that many times as wide, stays where it is.
STILL_RING = 1.6
RING_POINTS = 48
# A triangle that keeps less than this share of its area is hidden: an eye behind closed lids.
HIDDEN_BELOW = 0.05
SUBPIXEL_BITS = 4
# Model frame (x left, y back, z up) to the canonical frame of landmarks (x left, y down, z back).
MODEL_TO_CANONICAL = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float64)


@cache
def landmark_units() -> dict[str, np.ndarray]:
    """Face unit -> (468, 3) displacement of the landmarks at weight 1, in the canonical frame, inter-ocular units."""
    head = Head.load()
    with np.load(HEAD_DATA / "landmarks.npz", allow_pickle=False) as data:
        vertices, weights = data["vertices"].astype(np.int64), data["weights"].astype(np.float64)
    unit_m = head.interocular_m(head.mean)
    return {
        name: np.einsum("lk,lkc->lc", weights, moved[vertices].astype(np.float64)) @ MODEL_TO_CANONICAL / unit_m
        for name, moved in head.units.items()
    }


@dataclass(frozen=True)
class UnitManner:
    """What goes along with the asked-for movement. synkinesis, contracture: as in Palsy. seed: of habits and of how
    unevenly a healthy nerve moves both sides; None for neither."""

    synkinesis: float = 1.0
    contracture: float = 0.0
    seed: int | None = None

    @classmethod
    def sample(cls, overall: float, rng: np.random.Generator) -> UnitManner:
        """Drawn as for a rendered patient of that overall severity."""
        signs = with_signs({}, overall, rng) if overall else Palsy({})
        return cls(synkinesis=signs.synkinesis, contracture=signs.contracture, seed=int(rng.integers(2**32)))


def move_photograph(
    rgb: np.ndarray, face: Face, asked: AskedMovement, *, manner: UnitManner | None = None
) -> np.ndarray:
    """Let a photographed face make a simulated movement -> (H, W, 3) uint8. rgb, face and errors as in
    `warp_photograph`."""
    check_size(rgb, face)
    manner = manner or UnitManner()
    healthy = asked.severity == RegionalSeverity.even(0.0)
    palsy = Palsy(
        {} if healthy else {asked.side.capitalize(): asked.severity},
        synkinesis=manner.synkinesis,
        contracture=manner.contracture,
    )
    rng = None if manner.seed is None else np.random.default_rng(manner.seed)
    weights = movement_weights(MOVEMENTS[asked.pose], palsy, effort=asked.effort, rng=rng)
    # A mouth that opens would show teeth, which are not in the picture.
    weights["jawOpen"] = 0.0
    canonical = pose_corrected(face.points).astype(np.float64)
    units = landmark_units()
    motion = np.zeros_like(next(iter(units.values())))
    for name, weight in weights.items():
        motion += weight * _blink_share(name, canonical, units) * units[name]
    # Canonical and photographed points differ by a similarity, so that least squares finds its inverse exactly.
    centred = canonical - canonical.mean(axis=0)
    to_photograph = np.linalg.lstsq(centred, face.points - face.points.mean(axis=0), rcond=None)[0]
    before = face.points[: len(motion), :2].astype(np.float64)
    after = before + (motion @ to_photograph)[:, :2]
    _keep_lids_in_order(before, after)
    return resample(rgb, _source_of_pixels(before, after, rgb.shape))


def _blink_share(name: str, canonical: np.ndarray, units: dict[str, np.ndarray]) -> float:
    """What a blink of this eye is of the head's own, so that weight 1 closes it; 1 for every other unit."""
    if not name.startswith("eyeBlink"):
        return 1.0
    side = name.removeprefix("eyeBlink").lower()
    upper, lower = UPPER_LID[side][3], LOWER_LID[side][3]
    opening = canonical[lower, 1] - canonical[upper, 1]
    return float(opening / (units[name][upper, 1] - units[name][lower, 1]))


def _keep_lids_in_order(before: np.ndarray, after: np.ndarray) -> None:
    """Stop an upper lid at the lower one, in place: lids that pass each other would turn the picture over."""
    for side in ("left", "right"):
        upper, lower = list(UPPER_LID[side]), list(LOWER_LID[side])
        down = (before[lower] - before[upper]).mean(axis=0)
        down /= np.linalg.norm(down)
        passed = np.maximum(0.0, (after[upper] - after[lower]) @ down)
        after[upper] -= passed[:, None] * down


def _source_of_pixels(before: np.ndarray, after: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W, 2) place in the old picture behind every pixel of the new one: linear in each triangle of landmarks."""
    height, width = shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    pixels = np.stack([columns, rows], axis=-1)
    centre = (before.min(axis=0) + before.max(axis=0)) / 2
    radii = STILL_RING * (before.max(axis=0) - before.min(axis=0)) / 2
    angles = np.linspace(0, 2 * np.pi, RING_POINTS, endpoint=False)
    ring = centre + radii * np.column_stack([np.cos(angles), np.sin(angles)])
    before, after = np.vstack([before, ring]), np.vstack([after, ring])
    triangles = Delaunay(before).simplices
    old, new = before[triangles], after[triangles]
    old_edges, new_edges = (np.stack([t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]], axis=1) for t in (old, new))
    growth = np.linalg.det(new_edges) / np.linalg.det(old_edges)
    seen = np.flatnonzero(growth > HIDDEN_BELOW)
    # Where a triangle is drawn its edges are too: those that shrank most come first, and their neighbours over them.
    seen = seen[np.argsort(growth[seen])]
    which = np.full((height, width), -1, np.int32)
    for index, corners in enumerate(np.round(new[seen] * 2**SUBPIXEL_BITS).astype(np.int32)):
        cv2.fillConvexPoly(which, corners, index, lineType=cv2.LINE_8, shift=SUBPIXEL_BITS)
    back = np.linalg.solve(new_edges[seen], old_edges[seen])
    moved = which >= 0
    triangle = which[moved]
    pixels[moved] = old[seen, 0][triangle] + np.einsum(
        "ni,nij->nj", pixels[moved] - new[seen, 0][triangle], back[triangle]
    )
    return pixels
