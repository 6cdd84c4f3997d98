"""One simulated person before the camera: the photograph at onset, and how far every pixel moves per unit of every
face unit.

The head is rasterised once a person; a movement is then a weighted sum of maps. Crop frame: that of
face/microexpression/input.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from face.frame.geometry import Similarity, fit_similarity
from face.microexpression.spec import MicroExpressionSpec
from model_training.simulator.head.head import EYE, SKIN, TEETH, TONGUE, UNIT_SIDES, Head
from model_training.simulator.head.identity import sample_identity
from model_training.simulator.render.camera import Camera
from model_training.simulator.render.look import Creases, Look, sample_light, sample_person
from model_training.simulator.render.renderer import Renderer

RENDER_PX = 320
# Motion maps have half the crop's resolution: face units are smooth, edges at lids and lips keep to about a millimetre.
RASTER_STEP = 2
# Where the head turns and nods (metres, model frame): the top of the neck.
NECK_M = (0.0, 0.06, -0.08)
# Linearised rotation of the eyeball at weight 1 (radians): (to the patient's left, up).
GAZE_RAD = {"eyeLookUp": (0.0, 0.35), "eyeLookDown": (0.0, -0.35), "eyeLookIn": (-0.4, 0.0), "eyeLookOut": (0.4, 0.0)}


@dataclass(frozen=True, eq=False)
class FaceMotion:
    """onset (H, W, 3) uint8 crop; unit_maps (K, h, w, 2) float32: crop pixels at weight 1; unit_names K names; covered
    (h, w) bool: where the head is; to_crop: picture -> crop."""

    onset: np.ndarray
    unit_maps: np.ndarray
    unit_names: tuple[str, ...]
    covered: np.ndarray
    to_crop: Similarity

    def displacement(self, weights: list[dict[str, float]]) -> np.ndarray:
        """Movements -> (n, H, W, 2) float32 crop pixels from onset to apex."""
        index = {name: number for number, name in enumerate(self.unit_names)}
        matrix = np.zeros((len(weights), len(index)), np.float32)
        for row, movement in enumerate(weights):
            for name, amount in movement.items():
                matrix[row, index[name]] += amount
        count, height, width, _ = self.unit_maps.shape
        small = (matrix @ self.unit_maps.reshape(count, -1)).reshape(-1, height, width, 2)
        size = self.onset.shape[1], self.onset.shape[0]
        return np.stack([cv2.resize(field, size, interpolation=cv2.INTER_LINEAR) for field in small])


def face_units(head: Head) -> dict[str, np.ndarray]:
    """The head's units with the eyeballs turning in the gaze units, name -> (N, 3) metres."""
    units = {name: unit for name, unit in head.units.items() if name != "tongueOut"}
    for side in UNIT_SIDES:
        ball = head.eyeballs[side]
        arm = head.mean[ball] - head.mean[ball].mean(axis=0)
        outwards = 1.0 if side == "Left" else -1.0
        for name, (across, up) in GAZE_RAD.items():
            turned = units[f"{name}{side}"].copy()
            # A ball that turns by a small angle moves its front (y < 0) across and up, and its sides back and forth.
            turned[ball] = np.stack(
                [-arm[:, 1] * across * outwards, arm[:, 0] * across * outwards + arm[:, 2] * up, -arm[:, 1] * up],
                axis=1,
            )
            units[f"{name}{side}"] = turned
    # The head as a whole, per radian: turning and nodding about the neck.
    arm = head.mean - np.array(NECK_M, np.float32)
    none = np.zeros(len(arm), np.float32)
    units["headTurn"] = np.stack([-arm[:, 1], arm[:, 0], none], axis=1)
    units["headNod"] = np.stack([none, -arm[:, 2], arm[:, 1]], axis=1)
    return units


class MotionStudio:
    """Draws people and takes their motion maps. Holds the renderer: one studio a process."""

    def __init__(self, spec: MicroExpressionSpec) -> None:
        self.spec = spec
        self.head = Head.load()
        self.units = face_units(self.head)
        self.unit_names = tuple(self.units)
        self._unit_stack = np.stack([self.units[name] for name in self.unit_names])
        self.renderer = Renderer(self.head, size_px=RENDER_PX)
        drawn = np.isin(self.head.triangle_material, (SKIN, EYE, TEETH, TONGUE))
        self._triangles = self.head.triangle_vertices[drawn]
        corners = [np.linalg.norm(self.head.units[f"mouthStretch{side}"], axis=1).argmax() for side in UNIT_SIDES]
        self._mouth_corners = [int(corner) for corner in corners]

    def close(self) -> None:
        self.renderer.close()

    def person(self, rng: np.random.Generator) -> tuple[np.ndarray, Look, Camera]:
        """Neutral vertices (N, 3), appearance and a near-frontal camera."""
        identity = sample_identity(self.head, rng)
        person = sample_person(rng, age_years=identity.age_years)
        lines = float(person.wrinkles)
        creases = Creases(
            forehead=(0.3 * lines, 0.3 * lines),
            nose_fold=(0.5 * lines, 0.5 * lines),
            crow_feet=(0.15 * lines,) * 2,
            frown=(0.25 * lines,) * 2,
        )
        yaw, pitch, roll = rng.normal(0, [6, 5, 2])
        camera = Camera(
            yaw_deg=float(yaw),
            pitch_deg=float(pitch),
            roll_deg=float(roll),
            distance_m=float(rng.uniform(0.6, 1.6)),
            half_frame_m=0.128,
        )
        return identity.vertices, Look(person=person, light=sample_light(rng), creases=creases), camera

    def crop_of(self, projected: np.ndarray, framing: tuple[float, float, float]) -> Similarity:
        """Picture -> crop from the true eye and mouth positions; framing (scale, x, y) departs from the canonical
        one, in fractions of the crop."""
        eyes = [projected[self.head.eyeballs[side], :2].mean(axis=0) for side in reversed(UNIT_SIDES)]
        mouth = projected[self._mouth_corners, :2].mean(axis=0)
        size = np.array([self.spec.crop_width, self.spec.crop_height])
        target = np.array([*self.spec.eyes, self.spec.mouth]) * size
        scale, shift_x, shift_y = framing
        centre = size / 2
        return fit_similarity(
            np.vstack([*eyes, mouth]), (target - centre) * scale + centre + np.array([shift_x, shift_y]) * size
        )

    def draw(self, rng: np.random.Generator, *, framing: tuple[float, float, float] = (1.0, 0.0, 0.0)) -> FaceMotion:
        """A random person with motion maps."""
        vertices, look, camera = self.person(rng)
        background = np.full((RENDER_PX, RENDER_PX, 3), rng.uniform(20, 230), np.float32)
        picture = self.renderer.render(vertices, look, camera, background)
        projected = camera.project(self.head, vertices, size_px=RENDER_PX)
        to_crop = self.crop_of(projected, framing)
        size = (self.spec.crop_width, self.spec.crop_height)
        # Units move by millimetres: projection is linear over that distance.
        step = 1e-4
        moved = vertices + step * self._unit_stack
        flat = camera.project(self.head, vertices, size_px=RENDER_PX)
        motion = np.stack([(camera_project(camera, self.head, vertices, one) - flat[:, :2]) / step for one in moved])
        per_vertex = motion @ to_crop.matrix[:, :2].T
        triangle, shares = self._rasterise(to_crop.apply(projected[:, :2]), projected[:, 2])
        covered = triangle >= 0
        corner = self._triangles[np.maximum(triangle, 0)]
        maps = np.zeros((len(self.unit_names), *covered.shape, 2), np.float32)
        for k in range(3):
            maps += per_vertex[:, corner[..., k]].astype(np.float32) * shares[None, ..., k, None]
        maps *= covered[None, ..., None]
        return FaceMotion(
            onset=np.asarray(to_crop.warp(picture, size)),
            unit_maps=maps,
            unit_names=self.unit_names,
            covered=covered,
            to_crop=to_crop,
        )

    def _rasterise(self, points: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Crop points (N, 2) and depths (N,) -> nearest triangle (h, w), -1 where none, and its barycentric shares
        (h, w, 3). Painter's algorithm."""
        height, width = self.spec.crop_height // RASTER_STEP, self.spec.crop_width // RASTER_STEP
        corners = (points / RASTER_STEP - 0.5)[self._triangles]
        far = depth[self._triangles].mean(axis=1)
        ab, ac = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
        inside = (corners.max(axis=1) > -1).all(axis=1) & (corners.min(axis=1) < [width, height]).all(axis=1)
        # Counter-clockwise triangles of the model face the camera; in pixels (y down) their area is negative.
        shown = np.flatnonzero(inside & (area < -1e-6) & (far < far.min() + 0.14))
        shown = shown[np.argsort(-far[shown])]
        number = np.full((height, width), -1, np.float32)
        fixed = np.rint(corners * 16).astype(np.int32)
        for triangle in shown.tolist():
            cv2.fillConvexPoly(number, fixed[triangle], float(triangle), cv2.LINE_8, 4)
        found = number.astype(np.int64)
        chosen = np.maximum(found, 0)
        rows, columns = np.mgrid[0:height, 0:width]
        offset = np.stack([columns, rows], -1) - corners[chosen, 0]
        b, c, whole = ab[chosen], ac[chosen], area[chosen]
        second = (offset[..., 0] * c[..., 1] - offset[..., 1] * c[..., 0]) / whole
        third = (b[..., 0] * offset[..., 1] - b[..., 1] * offset[..., 0]) / whole
        shares = np.clip(np.stack([1 - second - third, second, third], -1), -0.2, 1.2)
        return found, (shares / shares.sum(-1, keepdims=True)).astype(np.float32)


def camera_project(camera: Camera, head: Head, neutral: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Pixels (N, 2) of moved vertices with the camera as it stands for the neutral face (the eyes' centre fixes the
    camera)."""
    view = camera.model_view(head, neutral)
    points = moved @ view[:3, :3].T + view[:3, 3]
    focal = camera.distance_m / camera.half_frame_m * RENDER_PX / 2
    return np.stack(
        [RENDER_PX / 2 - focal * points[:, 0] / points[:, 2], RENDER_PX / 2 + focal * points[:, 1] / points[:, 2]],
        axis=1,
    )
