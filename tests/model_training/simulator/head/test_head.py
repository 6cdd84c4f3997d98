from __future__ import annotations

import numpy as np

from model_training.simulator.head.anatomy import landmark_vertices
from model_training.simulator.head.head import EYE, SKIN, Head
from model_training.simulator.head.identity import sample_identity
from model_training.simulator.poses import MOVEMENTS, UNIT_REGION
from model_training.simulator.render.camera import Camera

MIRROR = np.array([-1, 1, 1], np.float32)


def test_left_and_right_units_are_mirror_images(head: Head) -> None:
    for name, unit in head.units.items():
        partner = name.replace("Left", "Right") if name.endswith("Left") else name
        if name.endswith("Right"):
            continue
        np.testing.assert_allclose(unit, head.units[partner][head.mirror_vertex] * MIRROR, atol=1e-6, err_msg=name)


def test_every_pose_uses_units_of_the_head_and_regions_of_the_scale(head: Head) -> None:
    for pose in MOVEMENTS.values():
        for unit in pose.units:
            assert unit in UNIT_REGION
            assert f"{unit}Left" in head.units
            assert f"{unit}Right" in head.units


def test_brow_lift_is_about_a_centimetre_and_spares_the_eyeballs(head: Head) -> None:
    lifted = head.deform(head.mean, {f"{unit}Left": weight for unit, weight in MOVEMENTS["brow_lift"].units.items()})
    points = landmark_vertices(head)
    rise_mm = 1e3 * (lifted - head.mean)[:, 2]
    assert 8 < rise_mm[points["middle_brow_left"]] < 20
    assert abs(rise_mm[points["middle_brow_right"]]) < 0.5
    assert np.abs(rise_mm[head.vertex_material == EYE]).max() < 0.5


def test_people_differ_and_the_same_seed_is_the_same_person(head: Head) -> None:
    first, again, other = (sample_identity(head, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.vertices, again.vertices)
    assert first.age_years == again.age_years
    skin = head.vertex_material == SKIN
    assert np.linalg.norm(first.vertices - other.vertices, axis=1)[skin].mean() > 1e-3


def test_camera_turns_the_way_its_angles_say(head: Head) -> None:
    points = landmark_vertices(head)
    project = lambda camera: camera.project(head, head.mean, size_px=384)  # noqa: E731
    straight = project(Camera())
    np.testing.assert_allclose(straight[points["nose_tip"], 0], 192, atol=1)
    # The patient's left is on the right of the picture.
    assert straight[points["commissure_left"], 0] > straight[points["commissure_right"], 0]
    assert project(Camera(yaw_deg=15))[points["nose_tip"], 0] > straight[points["nose_tip"], 0] + 5
    down = project(Camera(pitch_deg=15))
    assert down[points["nose_tip"], 1] > straight[points["nose_tip"], 1] + 5
    tilted = project(Camera(roll_deg=15))
    assert tilted[points["outer_canthus_left"], 1] < tilted[points["outer_canthus_right"], 1] - 5
