"""The photographs of one visit: the same palsy, person, room and camera, one after the other; and their true measures.

Between two visits of the same palsy everything but the palsy is drawn anew: light, camera, effort, glasses. What the
answers differ by then is what an examination cannot tell from a change of the patient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from face.landmarks.found_face import LANDMARK_COUNT
from face.palsy.assessment.measuring.halves import Halves, measure_halves
from face.vocabulary import POSES
from model_training.simulator.head.head import HEAD_DATA, UNIT_SIDES, Head
from model_training.simulator.patient import Palsy, sample_effort
from model_training.simulator.poses import MOVEMENTS
from model_training.simulator.render.camera import Camera
from model_training.simulator.render.look import sample_light
from model_training.simulator.render.renderer import Renderer
from model_training.simulator.shot import GLASSES_ON_SHARE, Shot, Subject, sample_shot

# Diameter of the anatomical iris and its spread between people, in millimetres.
IRIS_MM, IRIS_SPREAD_MM = 11.7, 0.4
# Beyond this a photographer asks the patient to look into the camera.
LARGEST_TURN_DEG = 14.0
# The eye region at this many pixels: one is 0.1 mm.
OPENING_SIZE_PX, OPENING_HALF_FRAME_M = 1024, 0.055
# Model frame (x left, y back, z up) to that of landmarks (x left, y down, z back).
MODEL_TO_CANONICAL = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float64)
# Of the width of an opening, about its middle, that its height is the mean over.
OPENING_MIDDLE_SHARE = 0.3


def visit_shots(head: Head, subject: Subject, palsy: Palsy, *, iris_mm: float, seed: list[int]) -> Iterator[Shot]:
    """The eight poses in the order of POSES; every photograph has a random generator of its own, seeded by (*seed,
    number of the pose)."""
    rng = np.random.default_rng(seed)
    effort, light = sample_effort(rng), sample_light(rng)
    camera = _visit_camera(rng)
    person = replace(subject.person, glasses=subject.person.glasses if rng.random() < GLASSES_ON_SHARE else None)
    pupil_rad = float(rng.uniform(0.13, 0.26))
    eyeball_m = head.eyeball_radius_m
    for number, pose in enumerate(POSES):
        own = np.random.default_rng([*seed, number])
        shot = sample_shot(
            head,
            subject,
            own,
            pose=MOVEMENTS[pose],
            palsy=palsy,
            camera=_moved(camera, own),
            effort=effort * float(own.normal(1, 0.06)),
        )
        look = replace(
            shot.look,
            person=person,
            light=light,
            pupil_rad=pupil_rad,
            iris_rad=float(np.arcsin(iris_mm / 2000 / eyeball_m)),
        )
        yield replace(shot, look=look)


def _visit_camera(rng: np.random.Generator) -> Camera:
    """Where the tripod stands: a frontal view."""
    yaw, pitch, roll = rng.normal(0, [4.0, 4.0, 3.0])
    return Camera(
        yaw_deg=float(yaw),
        pitch_deg=float(pitch),
        roll_deg=float(roll),
        distance_m=float(rng.uniform(0.6, 1.6)),
        half_frame_m=float(rng.uniform(0.112, 0.15)),
    )


def _moved(camera: Camera, rng: np.random.Generator) -> Camera:
    """The head moves a little between two pictures."""
    yaw, pitch, roll = np.clip(
        np.array([camera.yaw_deg, camera.pitch_deg, camera.roll_deg]) + rng.normal(0, [2.5, 2.5, 1.5]),
        -LARGEST_TURN_DEG,
        LARGEST_TURN_DEG,
    )
    across, up = rng.normal(0, 0.005, 2)
    return replace(
        camera,
        yaw_deg=float(yaw),
        pitch_deg=float(pitch),
        roll_deg=float(roll),
        shift_m=(float(across), float(up)),
    )


@dataclass(frozen=True)
class TrueMeasures:
    """halves: what the landmarks would measure without an error, in millimetres of the head's own frame; the irises are
    not among them. opening: height of the visible eyeball in the middle of the eye, seen from the front, by side."""

    halves: Halves
    opening: dict[str, float]


def true_measures(renderer: Renderer, vertices: np.ndarray) -> TrueMeasures:
    """From the moved face (N, 3)."""
    return TrueMeasures(halves=measure_halves(true_landmarks(vertices)), opening=_openings_mm(renderer, vertices))


def true_landmarks(vertices: np.ndarray) -> np.ndarray:
    """(N, 3) moved face -> (478, 3) float32: where on the head each landmark lies, in millimetres, x to the patient's
    left, y down, z back. The ten points of the irises are NaN."""
    places, weights = _landmark_places()
    on_head = np.einsum("lk,lkc->lc", weights, vertices[places].astype(np.float64)) @ MODEL_TO_CANONICAL
    irises = np.full((LANDMARK_COUNT - len(on_head), 3), np.nan)
    return np.concatenate([1000 * on_head, irises]).astype(np.float32)


@cache
def _landmark_places() -> tuple[np.ndarray, np.ndarray]:
    """(468, 3) vertices and weights of each landmark that lies on the skin."""
    with np.load(HEAD_DATA / "landmarks.npz", allow_pickle=False) as data:
        return data["vertices"].astype(np.int64), data["weights"].astype(np.float64)


def _openings_mm(renderer: Renderer, vertices: np.ndarray) -> dict[str, float]:
    """The lids' landmarks on the mesh do not meet in tight closure: what counts is how much of the eyeball is seen."""
    head = renderer.head
    values = np.zeros(head.vertex_count, np.float32)
    for number, side in enumerate(UNIT_SIDES, start=1):
        values[head.eyeballs[side]] = number
    camera = Camera(half_frame_m=OPENING_HALF_FRAME_M)
    drawn = renderer.render_values(vertices, values, camera, size_px=OPENING_SIZE_PX)
    mm_per_px = 2000 * OPENING_HALF_FRAME_M / OPENING_SIZE_PX
    openings = {}
    for number, side in enumerate(UNIT_SIDES, start=1):
        heights = (np.abs(drawn - number) < 0.25).sum(axis=0)
        columns = np.flatnonzero(heights)
        if len(columns) == 0:
            openings[side.lower()] = 0.0
            continue
        middle = (columns[0] + columns[-1]) / 2
        reach = OPENING_MIDDLE_SHARE / 2 * (columns[-1] - columns[0] + 1)
        openings[side.lower()] = mm_per_px * float(heights[int(middle - reach) : int(middle + reach) + 1].mean())
    return openings
