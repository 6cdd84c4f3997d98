from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face.frame.geometry import Similarity, fit_similarity


def similarity(scale: float, angle: float, x: float, y: float) -> Similarity:
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    return Similarity(np.array([[a, -b, x], [b, a, y]]))


similarities = st.builds(
    similarity, st.floats(0.05, 20), st.floats(-np.pi, np.pi), st.floats(-500, 500), st.floats(-500, 500)
)


def smooth_image(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width] + 0.5
    return (np.sin(x / 17) * 60 + np.cos(y / 23) * 60 + 128).astype(np.float32)


@given(similarities)
def test_inverse(transform: Similarity) -> None:
    points = np.array([[0.0, 0.0], [100.0, -20.0], [3.0, 400.0]])
    np.testing.assert_allclose(transform.inverse().apply(transform.apply(points)), points, atol=1e-6)
    assert transform.inverse().scale == pytest.approx(1 / transform.scale)


@given(similarities, similarities)
def test_then(first: Similarity, second: Similarity) -> None:
    points = np.array([[1.0, 2.0], [30.0, -4.0]])
    np.testing.assert_allclose(
        first.then(second).apply(points), second.apply(first.apply(points)), rtol=1e-9, atol=1e-6
    )


@given(similarities)
def test_fit_recovers_the_transform(transform: Similarity) -> None:
    points = np.array([[0.0, 0.0], [100.0, 0.0], [50.0, 80.0]])
    np.testing.assert_allclose(fit_similarity(points, transform.apply(points)).matrix, transform.matrix, atol=1e-6)


def test_fit_is_least_squares() -> None:
    generator = np.random.default_rng(0)
    source = generator.normal(size=(20, 2))
    target = similarity(2, 0.3, 5, -1).apply(source) + generator.normal(scale=0.1, size=(20, 2))
    fitted = fit_similarity(source, target)
    error = ((fitted.apply(source) - target) ** 2).sum()
    for change in (0.001, -0.001):
        for turned in (similarity(1, change, 0, 0), similarity(1 + change, 0, 0, 0), similarity(1, 0, change, 0)):
            assert ((fitted.then(turned).apply(source) - target) ** 2).sum() > error


def test_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match="2x3"):
        Similarity(np.eye(3))
    with pytest.raises(ValueError, match="finite"):
        Similarity(np.full((2, 3), np.nan))
    with pytest.raises(ValueError, match="uniform scale"):
        Similarity(np.array([[1.0, 0, 0], [0, 2, 0]]))
    with pytest.raises(ValueError, match="uniform scale"):
        Similarity(np.array([[1.0, 1, 0], [0, 1, 0]]))
    with pytest.raises(ValueError, match="coincide"):
        fit_similarity([[1, 1], [1, 1]], [[0, 0], [1, 0]])
    with pytest.raises(ValueError, match="N >= 2"):
        fit_similarity([[1, 1]], [[0, 0]])
    with pytest.raises(ValueError, match="cannot warp"):
        Similarity.translation(0, 0).warp(np.zeros((0, 4), np.uint8), (3, 3))


def test_warp_by_whole_pixels_copies() -> None:
    image = np.arange(20 * 30, dtype=np.float32).reshape(20, 30)
    moved = Similarity.translation(-4, -7).warp(image, (10, 5))
    np.testing.assert_allclose(moved, image[7:12, 4:14], atol=1e-3)


def test_warp_fills_or_repeats_the_edge() -> None:
    image = np.full((8, 8), 9.0, np.float32)
    assert Similarity.translation(20, 0).warp(image, (10, 8), fill=0.0).max() == 0
    assert Similarity.translation(20, 0).warp(image, (10, 8)).min() == 9


@pytest.mark.parametrize("scale", [3.0, 0.7, 0.2])
def test_warp_follows_the_transform(scale: float) -> None:
    """The warped picture shows at T(p) what the picture shows at p."""
    image = smooth_image(300, 400)
    transform = similarity(scale, 0.4, 40 * scale, -30 * scale)
    size = (round(200 * scale), round(150 * scale))
    warped = transform.warp(image, size)
    x, y = np.meshgrid(np.arange(4, size[0] - 4), np.arange(4, size[1] - 4))
    source = transform.inverse().apply(np.stack([x, y], axis=-1) + 0.5)
    known = np.sin(source[..., 0] / 17) * 60 + np.cos(source[..., 1] / 23) * 60 + 128
    inside = ((source > 8) & (source < [392, 292])).all(axis=-1)
    assert inside.mean() > 0.4
    assert np.abs(warped[4:-4, 4:-4] - known)[inside].max() < 3


def test_shrinking_averages_instead_of_aliasing() -> None:
    stripes = np.zeros((600, 600), np.float32)
    stripes[:, ::2] = 255  # a pattern finer than the target's pixels
    small = Similarity.scaling(0.11).warp(stripes, (66, 66))
    assert small[3:-3, 3:-3].std() < 10  # of 127.5 in the pattern itself
    assert small[3:-3, 3:-3].mean() == pytest.approx(127.5, abs=2)


@pytest.mark.parametrize("scale", [2.3, 0.9, 0.31, 0.06])
@pytest.mark.parametrize("fill", [None, 0.0])
def test_warp_is_mirror_equivariant(scale: float, fill: float | None) -> None:
    image = np.random.default_rng(1).integers(0, 256, (307, 401, 3), np.uint8)
    width, height = round(300 * scale) + 20, round(260 * scale) + 20
    transform = similarity(scale, 0.13, -21.3 * scale, -10.7 * scale)
    flip_source, flip_target = np.diag([-1.0, 1, 1]), np.diag([-1.0, 1, 1])
    flip_source[0, 2], flip_target[0, 2] = 401, width
    mirrored = Similarity((flip_target @ np.vstack([transform.matrix, [0, 0, 1]]) @ flip_source)[:2])
    one = transform.warp(image, (width, height), fill=fill)
    other = mirrored.warp(np.ascontiguousarray(image[:, ::-1]), (width, height), fill=fill)[:, ::-1]
    difference = np.abs(one.astype(int) - other)
    assert difference.max() <= 2
    assert (difference > 0).mean() < 0.02


@pytest.mark.parametrize("turns", range(4))
def test_turning_goes_where_numpy_turns(turns: int) -> None:
    picture = np.zeros((30, 50))
    picture[7, 11] = 1
    row, column = np.argwhere(np.rot90(picture, turns))[0]
    turning = Similarity.turning(turns, width=50, height=30)
    np.testing.assert_allclose(turning.apply([11.5, 7.5]), [column + 0.5, row + 0.5])
    np.testing.assert_array_equal(turning.warp(picture, np.rot90(picture, turns).shape[::-1]), np.rot90(picture, turns))


def test_a_reflection_leads_back_and_warps() -> None:
    picture = np.arange(12, dtype=np.float64).reshape(3, 4)
    mirroring = Similarity.mirroring(4)
    np.testing.assert_allclose(mirroring.then(mirroring).apply([1.0, 2.0]), [1.0, 2.0])
    np.testing.assert_array_equal(mirroring.warp(picture, (4, 3)), picture[:, ::-1])
    larger = Similarity.scaling(2).then(Similarity.mirroring(8))
    assert larger.scale == 2
    np.testing.assert_allclose(larger.inverse().apply(larger.apply([1.0, 2.0])), [1.0, 2.0])
