"""What the palsy model reads: mirror-equivariant, free of the head's turn, and named by a fingerprint."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from face.landmarks.canonical import STABLE_TEMPLATE, pose_corrected
from face.landmarks.found_face import MIRROR_INDEX, Face
from face.landmarks.landmarker import FaceLandmarker
from face.palsy.input import NEUTRAL_GREY, PalsyInputSpec, local_contrast, palsy_input


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut())


@pytest.fixture(scope="module")
def face(photograph: np.ndarray) -> Face:
    with FaceLandmarker() as landmarker:
        return landmarker.detect(photograph)[0]


def turned(
    points: np.ndarray, *, yaw_deg: float, pitch_deg: float, scale: float, shift: tuple[float, ...]
) -> np.ndarray:
    yaw, pitch = np.deg2rad([yaw_deg, pitch_deg])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    return scale * points @ (about_y @ about_x) + np.asarray(shift)


def test_a_turned_head_has_the_same_canonical_landmarks(face: Face) -> None:
    straight = pose_corrected(face.points)
    moved = turned(face.points.astype(np.float64), yaw_deg=25, pitch_deg=-12, scale=1.7, shift=(30, -4, 9))
    np.testing.assert_allclose(pose_corrected(moved), straight, atol=1e-5)


def test_the_mirrored_face_has_mirrored_landmarks(face: Face) -> None:
    mirrored = pose_corrected(face.mirrored().points)
    np.testing.assert_allclose(mirrored, pose_corrected(face.points)[MIRROR_INDEX] * [-1, 1, 1], atol=1e-5)


def test_units_are_interocular_distances(face: Face) -> None:
    canonical = pose_corrected(face.points)
    eyes = canonical[[33, 133]].mean(axis=0), canonical[[362, 263]].mean(axis=0)
    assert np.linalg.norm(eyes[1] - eyes[0]) == pytest.approx(1, abs=0.1)


def test_the_template_is_its_own_mirror_image() -> None:
    for landmark, (x, y, z) in STABLE_TEMPLATE.items():
        assert STABLE_TEMPLATE[int(MIRROR_INDEX[landmark])] == (-x, y, z)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((477, 3)), r"\(478, 3\)"),
        (np.full((478, 3), np.nan), "finite"),
        (np.ones((478, 3)), "coincide"),
    ],
)
def test_impossible_landmarks_are_refused(points: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pose_corrected(points)


def test_the_mirrored_photograph_gives_the_mirrored_mosaic(photograph: np.ndarray, face: Face) -> None:
    spec = PalsyInputSpec()
    mirrored = palsy_input(np.ascontiguousarray(photograph[:, ::-1]), face.mirrored(), spec).tensors["images"]
    here = palsy_input(photograph, face, spec).tensors["images"][..., ::-1]
    difference = np.abs(mirrored.astype(int) - here)
    # Resampling rounds a few pixels to the neighbouring grey level.
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_tensors_are_as_the_spec_says(photograph: np.ndarray, face: Face) -> None:
    spec = PalsyInputSpec()
    made = palsy_input(photograph, face, spec)
    assert {name: (str(t.dtype), t.shape) for name, t in made.tensors.items()} == spec.tensor_shapes()


def test_local_contrast_ignores_light() -> None:
    rng = np.random.default_rng(0)
    texture = rng.integers(40, 90, (120, 90)).astype(np.uint8)
    brighter = (texture.astype(int) * 2 + 30).astype(np.uint8)
    spec = PalsyInputSpec(contrast_floor=0.01)
    first, second = local_contrast(texture, spec=spec).astype(int), local_contrast(brighter, spec=spec).astype(int)
    assert np.abs(first - second).max() <= 1
    flipped = local_contrast(np.ascontiguousarray(texture[:, ::-1]), spec=spec)
    np.testing.assert_array_equal(flipped, first[:, ::-1])


def test_even_skin_is_neutral() -> None:
    flat = np.full((80, 80), 200, np.uint8)
    assert (local_contrast(flat, spec=PalsyInputSpec()) == NEUTRAL_GREY).all()


def test_the_spec_survives_json_and_names_what_differs() -> None:
    spec = PalsyInputSpec()
    assert PalsyInputSpec.from_dict(spec.to_dict()) == spec
    assert PalsyInputSpec(contrast_window_px=35).fingerprint() != spec.fingerprint()
    with pytest.raises(ValueError, match=r"unknown keys .'colour'"):
        PalsyInputSpec.from_dict({**spec.to_dict(), "colour": True})
    with pytest.raises(ValueError, match="canonical_interocular_px is 90"):
        PalsyInputSpec.from_dict({**spec.to_dict(), "canonical_interocular_px": 90})
    with pytest.raises(ValueError, match="odd"):
        PalsyInputSpec(contrast_window_px=34)
