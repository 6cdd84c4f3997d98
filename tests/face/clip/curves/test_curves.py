"""Rest, movements, their course and blinks, on curves whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from face.clip.curves.blinks import find_blinks
from face.clip.curves.dynamics import compare_sides, side_dynamics
from face.clip.curves.movements import best_repetitions, find_movements, repeatability
from face.clip.curves.rest import find_rest
from face.clip.curves.smoothing import smooth
from tests.face.clip.curves.simulated import FloatArray, at_rate, noise, unit_movement

PLAN = [("brow", 2.0, 2.4), ("eyes", 5.5, 1.9), ("corner", 9.0, 2.8), ("corner", 13.0, 2.2), ("pucker", 16.5, 1.4)]
CHANNELS = ("brow", "eyes", "corner", "pucker")


def examination(seed: int, *, per_s: float = 25.0, jitter: float = 0.2) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Twenty seconds with five movements, each with a quarter of it in a neighbour, noise and two blinks."""
    times = at_rate(per_s, 20.0, jitter=jitter, seed=seed)
    rng = np.random.default_rng(seed)
    curves = {name: noise(len(times), 0.05, seed=100 * seed + place) for place, name in enumerate(CHANNELS)}
    for channel, start, size in PLAN:
        moved = size * unit_movement(times, start_s=start, rise_s=0.5, hold_s=rng.uniform(0.3, 1.0), fall_s=0.6)
        curves[channel] += moved
        curves[CHANNELS[(CHANNELS.index(channel) + 1) % 4]] += 0.25 * moved
    for at in (1.0, 10.2):
        curves["eyes"] += 2.0 * unit_movement(times, start_s=at, rise_s=0.08, hold_s=0.02, fall_s=0.12)
    return times, curves


def test_a_parabola_comes_through_unchanged_at_uneven_times() -> None:
    times = at_rate(30, 1.0, jitter=0.3, seed=1)
    values, speed = smooth(times, 2 + 3 * times - 4 * times**2)
    np.testing.assert_allclose(values, 2 + 3 * times - 4 * times**2, atol=1e-9)
    np.testing.assert_allclose(speed, 3 - 8 * times, atol=1e-7)


def test_what_was_not_seen_stays_unknown() -> None:
    times = at_rate(30, 1.0)
    values = times.copy()
    values[10:14] = np.nan
    smoothed, _ = smooth(times, values)
    assert np.isnan(smoothed[10:14]).all()
    np.testing.assert_allclose(np.delete(smoothed, range(10, 14)), np.delete(times, range(10, 14)), atol=1e-9)


def test_times_must_ascend() -> None:
    with pytest.raises(ValueError, match="times must ascend"):
        smooth(np.array([0.0, 0.1, 0.1]), np.zeros(3))


@pytest.mark.parametrize("seed", range(10))
def test_rest_lies_between_the_movements(seed: int) -> None:
    times, curves = examination(seed)
    at_rest = find_rest(times, np.stack(list(curves.values()), axis=1) + 7.0)
    assert at_rest is not None
    moving = sum(curve_truth(times, start) for _, start, _ in PLAN) > 0.2
    assert not (at_rest & moving).any()
    assert at_rest.sum() >= 0.1 * len(times)


def curve_truth(times: FloatArray, start: float) -> FloatArray:
    return unit_movement(times, start_s=start, rise_s=0.5, hold_s=0.3, fall_s=0.6)


def test_a_long_held_smile_is_not_rest_where_rest_is_longer() -> None:
    times = at_rate(25, 12)
    smile = 3 * unit_movement(times, start_s=4, rise_s=0.5, hold_s=3.0, fall_s=0.5) + noise(len(times), 0.05, seed=3)
    at_rest = find_rest(times, smile[:, None])
    assert at_rest is not None
    assert np.abs(smile[at_rest]).max() < 0.4


def test_a_face_that_never_rests_has_no_rest() -> None:
    times = at_rate(25, 6)
    assert find_rest(times, (5 * np.sin(4 * times))[:, None]) is None
    assert find_rest(times, np.full((len(times), 1), np.nan)) is None


def test_movements_are_found_named_and_timed() -> None:
    """Of 40 examinations, at least 95 of 100 movements with the right name and the apex within .2 s of the hold."""
    right = total = 0
    for seed in range(40):
        times, curves = examination(seed, per_s=12.5)
        found = find_movements(times, curves)
        total += len(PLAN)
        for channel, start, _ in PLAN:
            hits = [m for m in found if m.channel == channel and start + 0.3 <= m.apex_s <= start + 0.5 + 1.0 + 0.2]
            right += len(hits) == 1
        assert len(found) <= len(PLAN) + 1
    assert right / total >= 0.95


def test_a_blink_is_no_movement_and_does_not_rename_a_smile() -> None:
    times = at_rate(30, 4)
    smile = 1.5 * unit_movement(times, start_s=1, rise_s=0.4, hold_s=1.0, fall_s=0.5)
    eyes = 2.2 * unit_movement(times, start_s=1.7, rise_s=0.08, hold_s=0.03, fall_s=0.12)
    eyes += 2.2 * unit_movement(times, start_s=3.4, rise_s=0.08, hold_s=0.03, fall_s=0.12)
    (movement,) = find_movements(times, {"corner": smile, "eyes": eyes})
    assert movement.channel == "corner"
    assert movement.is_seen


def test_two_repetitions_give_the_better_one_and_their_difference() -> None:
    times, curves = examination(3)
    movements = find_movements(times, curves)
    smiles = [movement for movement in movements if movement.channel == "corner"]
    assert len(smiles) == 2
    assert best_repetitions(movements)["corner"] is smiles[0]
    assert repeatability([one.strength for one in smiles]) == pytest.approx(0.6 / 2.5, abs=0.05)
    assert repeatability([2.0]) is None


def test_a_movement_below_its_threshold_is_found_but_not_seen() -> None:
    times = at_rate(25, 4)
    (small,) = find_movements(
        times, {"brow": 0.8 * unit_movement(times, start_s=1, rise_s=0.4, hold_s=0.6, fall_s=0.4)}
    )
    assert not small.is_seen
    assert best_repetitions([small]) == {}


def test_movements_between_which_the_face_stays_a_little_off_rest_are_two() -> None:
    times = at_rate(25, 8)
    both = sum(
        unit_movement(times, start_s=start, rise_s=0.4, hold_s=0.8, fall_s=0.4) * height
        for start, height in ((1.0, 2.0), (3.4, 3.0))
    )
    offset = 0.4 + noise(len(times), 0.03, seed=2)
    first, second = find_movements(times, {"corner": both + offset})
    assert first.end_s < 3.0 < second.start_s
    assert 1.3 < first.apex_s < 2.3
    assert 3.7 < second.apex_s < 4.7


def test_a_movement_that_trembles_is_one() -> None:
    times = at_rate(25, 6)
    held = unit_movement(times, start_s=1, rise_s=0.4, hold_s=2.5, fall_s=0.4) * (2 + 0.5 * np.sin(9 * times))
    assert len(find_movements(times, {"corner": held})) == 1


def test_a_sides_course_is_measured() -> None:
    times = at_rate(60, 4, jitter=0.1, seed=2)
    curve = 8 * unit_movement(times, start_s=1, rise_s=0.6, hold_s=1.0, fall_s=0.5) + noise(len(times), 0.02, seed=1)
    course = side_dynamics(times, curve)
    assert course is not None
    assert course.excursion == pytest.approx(8, rel=0.02)
    # Half a cosine of 0.6 s: pi / 2 * 8 / 0.6 at its steepest, 0.354 s from a tenth to nine tenths.
    assert course.peak_velocity == pytest.approx(np.pi / 2 * 8 / 0.6, rel=0.06)
    assert course.rise_s == pytest.approx(0.6 * 0.5903, abs=0.02)
    assert course.hold_s == pytest.approx(1.0 + 0.2048 * (0.6 + 0.5), abs=0.05)


def test_a_side_that_does_not_move_has_no_course() -> None:
    times = at_rate(30, 2)
    assert side_dynamics(times, np.full(len(times), -0.1)) is None
    assert side_dynamics(times, np.full(len(times), np.nan)) is None


@pytest.mark.parametrize("lag", [-0.1, 0.0, 0.05, 0.12, 0.2])
def test_the_lag_of_the_affected_side_is_found(lag: float) -> None:
    times = at_rate(30, 4, jitter=0.1, seed=4)
    shape = {"rise_s": 0.5, "hold_s": 0.7, "fall_s": 0.5}
    healthy = 8 * unit_movement(times, start_s=1.0, **shape) + noise(len(times), 0.05, seed=5)
    affected = 3 * unit_movement(times, start_s=1.0 + lag, **shape) + noise(len(times), 0.05, seed=6)
    compared = compare_sides(times, affected=affected, healthy=healthy)
    assert compared is not None
    assert compared.lag_s == pytest.approx(lag, abs=0.02)
    assert compared.correlation > 0.98


def test_a_side_without_any_movement_has_no_lag() -> None:
    times = at_rate(30, 2)
    assert compare_sides(times, affected=np.zeros(len(times)), healthy=np.sin(times)) is None


@pytest.mark.parametrize("per_s", [25, 30, 60])
def test_blinks_are_counted_with_how_far_each_eye_closes(per_s: float) -> None:
    times = at_rate(per_s, 10)
    shut = sum(
        unit_movement(times, start_s=at, rise_s=0.09, hold_s=0.05, fall_s=0.15) for at in (1.03, 3.51, 7.77)
    ) + unit_movement(times, start_s=5.0, rise_s=0.3, hold_s=0.5, fall_s=0.3)
    blinks = find_blinks(times, left=1 - 0.95 * shut, right=1 - 0.4 * shut)
    assert [blink.time_s for blink in blinks] == pytest.approx([1.145, 3.625, 7.885], abs=0.05)
    assert all(blink.left > 0.85 and 0.35 < blink.right <= 0.4 for blink in blinks)
    assert {blink.is_complete() for blink in blinks} == {(True, False)}
    assert all(0.1 < blink.duration_s < 0.3 for blink in blinks)
