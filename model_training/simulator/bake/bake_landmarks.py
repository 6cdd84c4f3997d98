"""Bakes head_data/landmarks.npz: where on the head each of MediaPipe's face landmarks lies. Run once, by hand.

    python -m model_training.simulator.bake.bake_landmarks --out model_training/simulator/head/head_data/landmarks.npz

The mean face is rendered under many lights, from straight ahead, and the detector's points are averaged over the
pictures and over both sides. A point then lies on the foremost triangle of the skin behind it; where there is none
(over an open eye), on the nearest corner of the skin.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from face.landmarks.found_face import MIRROR_INDEX
from face.landmarks.landmarker import FaceLandmarker
from model_training.simulator.head.head import SKIN, Head
from model_training.simulator.patient import Palsy
from model_training.simulator.render.camera import Camera
from model_training.simulator.render.look import Look, creases_of, sample_light, sample_person
from model_training.simulator.render.renderer import Renderer
from model_training.simulator.sensor import expose, sample_background

PICTURES, SIZE_PX = 24, 768
CAMERA = Camera(distance_m=1.5, half_frame_m=0.15)
# The iris's points, the last ten, belong to the eyeball and not to the skin.
SKIN_LANDMARKS = 468


def detected_landmarks(head: Head) -> np.ndarray:
    """(468, 2) pixels of the landmarks in a frontal picture of the mean face, symmetric about its middle."""
    found = []
    with Renderer(head, size_px=SIZE_PX) as renderer, FaceLandmarker() as landmarker:
        for number in range(PICTURES):
            rng = np.random.default_rng(number)
            person = replace(sample_person(rng, age_years=30), glasses=None, beard=0.0, moustache=0.0)
            look = Look(person, sample_light(rng), creases_of({}, Palsy({}), wrinkles=0.0), pupil_rad=0.2)
            picture = renderer.render(head.mean, look, CAMERA, sample_background(rng, SIZE_PX))
            found += [face.points[:, :2] for face in landmarker.detect(expose(picture, rng))]
    points = np.mean(found, axis=0)
    mirrored = points[MIRROR_INDEX] * [-1, 1] + [SIZE_PX, 0]
    return np.asarray(((points + mirrored) / 2)[:SKIN_LANDMARKS])


def on_the_skin(head: Head, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(M, 2) pixels -> (M, 3) vertices of the triangle that is seen there and their (M, 3) barycentric weights."""
    seen = CAMERA.project(head, head.mean, size_px=SIZE_PX).astype(np.float64)
    triangles = head.triangle_vertices[head.triangle_material == SKIN]
    corners = seen[triangles]
    edges = np.stack([corners[:, 1, :2] - corners[:, 0, :2], corners[:, 2, :2] - corners[:, 0, :2]], axis=-1)
    whole = np.abs(np.linalg.det(edges)) > 1e-9
    triangles, corners, inverse = triangles[whole], corners[whole], np.linalg.inv(edges[whole])
    vertices, weights = np.empty((len(points), 3), np.int64), np.empty((len(points), 3), np.float32)
    for index, point in enumerate(points):
        second_and_third = np.einsum("tij,tj->ti", inverse, point - corners[:, 0, :2])
        shares = np.column_stack([1 - second_and_third.sum(axis=1), second_and_third])
        behind = np.flatnonzero((shares > -1e-6).all(axis=1))
        if len(behind):
            depth = (shares[behind] * corners[behind, :, 2]).sum(axis=1)
            hit = behind[depth.argmin()]
            vertices[index], weights[index] = triangles[hit], shares[hit]
        else:
            nearest = np.linalg.norm(corners[..., :2] - point, axis=-1).reshape(-1).argmin()
            vertices[index], weights[index] = triangles.reshape(-1)[nearest], (1, 0, 0)
    return vertices, weights


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    head = Head.load()
    vertices, weights = on_the_skin(head, detected_landmarks(head))
    out = parser.parse_args().out
    np.savez_compressed(out, vertices=vertices.astype(np.uint16), weights=weights)
    print(f"wrote {out}: {len(vertices)} landmarks")


if __name__ == "__main__":
    main()
