"""What the real landmark model sees in the renders."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from face.landmarks.found_face import Face
from face.landmarks.landmarker import FaceLandmarker
from face.palsy.severity import RegionalSeverity
from model_training.simulator.head.anatomy import landmark_vertices
from model_training.simulator.head.head import Head
from model_training.simulator.patient import Palsy
from model_training.simulator.poses import MOVEMENTS
from model_training.simulator.render.camera import Camera
from model_training.simulator.render.renderer import Renderer
from model_training.simulator.shot import photograph, sample_shot, sample_subject

COMMISSURES = {"Left": 291, "Right": 61}
LIDS = {"Left": (386, 374), "Right": (159, 145)}


def see(
    renderer: Renderer, landmarker: FaceLandmarker, *, seed: int, pose: str, palsy: Palsy, camera: Camera | None = None
) -> list[Face]:
    rng = np.random.default_rng(seed)
    subject = sample_subject(renderer.head, rng)
    shot = sample_shot(renderer.head, subject, rng, pose=MOVEMENTS[pose], palsy=palsy, camera=camera)
    return landmarker.detect(photograph(renderer, shot, rng)[0])


def corner_drop(face: Face, side: str) -> float:
    """How much lower the mouth corner of the side is than the other, in inter-ocular distances, along the eye line."""
    right, left = face.eye_centres
    x_axis = (left - right) / np.linalg.norm(left - right)
    down = np.array([-x_axis[1], x_axis[0]])
    other = "Right" if side == "Left" else "Left"
    corners = {key: face.points[index, :2] @ down for key, index in COMMISSURES.items()}
    return float((corners[side] - corners[other]) / face.interocular_px)


def opening(face: Face, side: str) -> float:
    upper, lower = LIDS[side]
    return float(np.linalg.norm(face.points[upper, :2] - face.points[lower, :2]) / face.interocular_px)


def test_faces_are_found_in_every_pose(renderer: Renderer, landmarker: FaceLandmarker) -> None:
    severe = Palsy({"Left": RegionalSeverity.even(4.5)})
    for seed, pose in enumerate(MOVEMENTS):
        for palsy in (Palsy({}), severe):
            assert len(see(renderer, landmarker, seed=seed, pose=pose, palsy=palsy)) == 1, (seed, pose)


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_mouth_corner_drops_with_severity(renderer: Renderer, landmarker: FaceLandmarker, side: str) -> None:
    drops, severities = [], []
    for seed in range(3):
        for severity in range(6):
            palsy = Palsy({side: RegionalSeverity.even(severity)})
            (face,) = see(renderer, landmarker, seed=seed, pose="closed_smile", palsy=palsy, camera=Camera())
            drops.append(corner_drop(face, side))
            severities.append(severity)
    assert spearmanr(severities, drops).statistic > 0.9
    assert np.mean(drops[5::6]) > np.mean(drops[0::6]) + 0.1


def test_eye_stays_open_with_severity(renderer: Renderer, landmarker: FaceLandmarker) -> None:
    openings = []
    for severity in (0, 3, 5):
        palsy = Palsy({"Right": RegionalSeverity.even(severity)})
        (face,) = see(renderer, landmarker, seed=4, pose="gentle_closure", palsy=palsy, camera=Camera())
        openings.append(opening(face, "Right") - opening(face, "Left"))
    assert abs(openings[0]) < 0.03
    assert openings[0] < openings[1] < openings[2]


def test_projected_landmarks_lie_where_the_landmark_model_finds_them(
    renderer: Renderer, landmarker: FaceLandmarker, head: Head
) -> None:
    rng = np.random.default_rng(5)
    shot = sample_shot(head, sample_subject(head, rng), rng, pose=MOVEMENTS["rest"], palsy=Palsy({}))
    (face,) = landmarker.detect(photograph(renderer, shot, rng)[0])
    points = shot.camera.project(head, shot.vertices, size_px=renderer.size_px)
    vertices = landmark_vertices(head)
    for name, landmark in (
        ("commissure_left", 291),
        ("commissure_right", 61),
        ("outer_canthus_left", 263),
        ("nose_tip", 4),
    ):
        distance = np.linalg.norm(points[vertices[name], :2] - face.points[landmark, :2]) / face.interocular_px
        assert distance < 0.2, name


def test_a_second_renderer_in_the_process_changes_nothing(renderer: Renderer, head: Head) -> None:
    rng = np.random.default_rng(6)
    shot = sample_shot(head, sample_subject(head, rng), rng)
    before = renderer.render(shot.vertices, shot.look, shot.camera)
    values = renderer.render_values(shot.vertices, shot.vertices[:, 0], shot.camera, size_px=64)
    with Renderer(head, size_px=160) as other:
        other.render(shot.vertices, shot.look, Camera())
        np.testing.assert_array_equal(renderer.render(shot.vertices, shot.look, shot.camera), before)
    np.testing.assert_array_equal(renderer.render(shot.vertices, shot.look, shot.camera), before)
    again = renderer.render_values(shot.vertices, shot.vertices[:, 0], shot.camera, size_px=64)
    np.testing.assert_array_equal(again, values)
