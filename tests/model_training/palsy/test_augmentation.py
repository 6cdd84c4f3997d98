"""What training changes in a sample: what adds asymmetry, what does not; a flip changes the side."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from face.landmarks.canonical import pose_corrected
from face.landmarks.found_face import MIRROR_INDEX, Face
from face.vocabulary import SIDES
from model_training.palsy.augmentation import augment_palsy, grainy, mirror_palsy, shifted
from model_training.palsy.natural_asymmetry import NaturalAsymmetry, asymmetric_part, mirror_landmarks
from model_training.training.config import AugmentationConfig

LEFT, RIGHT, NONE = (SIDES.index(side) for side in ("left", "right", "none"))
MOUTH_AND_EYE = {"right corner": 61, "left corner": 291, "right eye": 33}


def sample(rng: np.random.Generator, *, side: int = LEFT) -> dict:
    return {
        "images": rng.integers(0, 256, (1, 224, 224), dtype=np.uint8),
        "landmarks": rng.normal(0, 0.1, (478, 3)).astype(np.float32),
        "roi_masks": rng.integers(0, 256, (5, 32, 32), dtype=np.uint8),
        "asymmetry_map": rng.random((32, 32), dtype=np.float32),
        "label": 4,
        "side": side,
    }


@pytest.mark.parametrize(("side", "mirrored"), [(LEFT, RIGHT), (RIGHT, LEFT), (NONE, NONE), (-1, -1)])
def test_a_flip_changes_the_side_and_nothing_else(side: int, mirrored: int) -> None:
    given = sample(np.random.default_rng(0), side=side)
    once, twice = mirror_palsy(given), mirror_palsy(mirror_palsy(given))
    assert (once["side"], once["label"]) == (mirrored, 4)
    np.testing.assert_array_equal(once["images"], given["images"][..., ::-1])
    np.testing.assert_array_equal(once["landmarks"][MIRROR_INDEX] * [-1, 1, 1], given["landmarks"])
    assert all(np.array_equal(twice[name], given[name]) for name in given)


def test_augmentation_keeps_a_symmetric_face_symmetric() -> None:
    config = AugmentationConfig(noise=0.0, landmark_noise=0.0, erase=1.0, blur=1.0, photometric=1.0)
    half = np.random.default_rng(1).integers(0, 256, (1, 224, 112), dtype=np.uint8)
    image = np.concatenate([half, half[..., ::-1]], axis=-1)
    changed = 0
    for seed in range(20):
        out = augment_palsy({"images": image, "side": NONE}, config=config, rng=np.random.default_rng(seed))["images"]
        difference = np.abs(out.astype(int) - out[..., ::-1])
        assert difference.max() <= 1  # the blur rounds
        changed += not np.array_equal(out, image)
    assert changed == 20


def test_grain_has_its_standard_deviation_and_stays_within_bytes() -> None:
    grey = np.full((224, 224), 128, np.uint8)
    grain = grainy(grey, np.random.default_rng(0), amplitude=8.0).astype(np.float64) - 128
    assert abs(grain.mean()) < 0.1
    assert grain.std() == pytest.approx(8.0, rel=0.02)
    white = grainy(np.full((224, 224), 254, np.uint8), np.random.default_rng(0), amplitude=8.0)
    assert white.min() > 200
    assert (white == 255).mean() > 0.4
    np.testing.assert_array_equal(grainy(grey, np.random.default_rng(0), amplitude=0.0), grey)


@pytest.mark.parametrize(("dx", "dy"), [(2, 0), (-3, 1), (0, -2), (0, 0)])
def test_a_shift_repeats_the_edges(dx: int, dy: int) -> None:
    region = np.random.default_rng(0).integers(0, 256, (9, 7), dtype=np.uint8)
    moved = shifted(region, dx=dx, dy=dy)
    for row, column in np.ndindex(region.shape):
        assert moved[row, column] == region[np.clip(row - dy, 0, 8), np.clip(column - dx, 0, 6)]


def test_an_uneven_picture_is_changed_on_one_side_only() -> None:
    config = AugmentationConfig(
        flip=False, photometric=0.0, noise=0.0, blur=0.0, shift_px=0, erase=0.0, landmark_noise=0.0, uneven=1.0
    )
    image = np.random.default_rng(1).integers(0, 256, (1, 224, 224), dtype=np.uint8)
    given = {"images": image.copy(), "side": NONE}
    changed_sides = set()
    for seed in range(20):
        out = augment_palsy(given, config=config, rng=np.random.default_rng(seed))["images"]
        changed = (out != image).mean(axis=(0, 1))
        first, second = changed[:112].mean(), changed[112:].mean()
        assert min(first, second) == 0 < 0.5 < max(first, second)
        changed_sides.add(bool(first))
    assert changed_sides == {False, True}
    np.testing.assert_array_equal(given["images"], image)


def test_the_flip_carries_the_side_with_it_and_one_seed_gives_one_sample() -> None:
    given = sample(np.random.default_rng(2))
    bare = AugmentationConfig(photometric=0.0, noise=0.0, blur=0.0, shift_px=0, erase=0.0, landmark_noise=0.0)
    flipped = 0
    for seed in range(40):
        out = augment_palsy(given, config=bare, rng=np.random.default_rng(seed))
        expected = mirror_palsy(given) if out["side"] == RIGHT else given
        assert all(np.array_equal(out[name], expected[name]) for name in given)
        flipped += out["side"] == RIGHT
    assert 10 <= flipped <= 30
    one, other = (augment_palsy(given, config=AugmentationConfig(), rng=np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(one[name], other[name]) for name in given)


def test_natural_asymmetry_is_that_of_healthy_faces_and_leaves_the_symmetric_part() -> None:
    rng = np.random.default_rng(7)
    natural = NaturalAsymmetry(rng.normal(0, 0.01, (5, 478, 3)).astype(np.float32))
    given = {"landmarks": rng.normal(0, 1, (478, 3)).astype(np.float32), "side": NONE}
    config = AugmentationConfig(flip=False, landmark_noise=0.0, natural_asymmetry=2.0)
    factors = []
    for seed in range(30):
        out = augment_palsy(given, config=config, rng=np.random.default_rng(seed), natural=natural)
        added = out["landmarks"] - given["landmarks"]
        np.testing.assert_allclose(asymmetric_part(added[None])[0], added, atol=1e-6)
        factors.append(max(np.vdot(added, one) / np.vdot(one, one) for one in natural.parts))
        assert min(np.abs(added - np.vdot(added, one) / np.vdot(one, one) * one).max() for one in natural.parts) < 1e-6
    assert 1.0 < max(factors) <= 2.0 + 1e-4
    with pytest.raises(ValueError, match="healthy faces"):
        augment_palsy(given, config=config, rng=np.random.default_rng(0))


def test_natural_asymmetry_comes_to_its_share_of_the_faces_and_their_maps_are_unknown() -> None:
    rng = np.random.default_rng(8)
    given, natural = sample(rng), NaturalAsymmetry(rng.normal(0, 0.1, (3, 478, 3)).astype(np.float32))
    config = AugmentationConfig(
        flip=False, photometric=0.0, noise=0.0, blur=0.0, shift_px=0, erase=0.0, landmark_noise=0.0,
        natural_asymmetry=2.0, natural_asymmetry_share=0.5,
    )  # fmt: skip
    changed = 0
    for seed in range(40):
        out = augment_palsy(given, config=config, rng=np.random.default_rng(seed), natural=natural)
        moved = not np.array_equal(out["landmarks"], given["landmarks"])
        assert moved == (not np.array_equal(out["images"], given["images"]))
        assert moved == np.isnan(out["asymmetry_map"]).all()
        changed += moved
    assert 10 <= changed <= 30


def test_the_picture_moves_with_the_landmarks_and_the_eyes_stay_in_place(astronaut_face: Face) -> None:
    """The skin about the right corner of the mouth hangs by .1 inter-ocular distances: the asymmetric part is half of
    it down on the right and half of it up on the left, and twice that is asked for."""
    face = pose_corrected(astronaut_face.points)
    face = (face + mirror_landmarks(face)) / 2
    crooked = face.copy()
    crooked[np.linalg.norm(face[:, :2] - face[61, :2], axis=1) < 0.3, 1] += 0.1
    picture = np.full((224, 224), 128, np.uint8)
    places = {name: (112 + 96 * face[index, 0], 74 + 96 * face[index, 1]) for name, index in MOUTH_AND_EYE.items()}
    for x, y in places.values():
        cv2.circle(picture, (round(x), round(y)), 4, 255, cv2.FILLED)
    natural = NaturalAsymmetry(crooked[None].astype(np.float32))
    moved = natural.add_to({"images": picture[None]}, factor=2.0, which=0)["images"][0]

    def height(image: np.ndarray, x: float, y: float) -> float:
        window = image[round(y) - 20 : round(y) + 21, round(x) - 8 : round(x) + 9].astype(float) - 128
        return float(window.sum(axis=1) @ np.arange(-20, 21) / window.sum())

    fall = {name: height(moved, *place) - height(picture, *place) for name, place in places.items()}
    assert fall["right corner"] == pytest.approx(9.6, abs=1.5)
    assert fall["left corner"] == pytest.approx(-9.6, abs=1.5)
    assert fall["right eye"] == pytest.approx(0, abs=0.3)
