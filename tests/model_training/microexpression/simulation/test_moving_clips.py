"""Clips whose movement is known to the frame."""

import numpy as np
import pytest

from model_training.microexpression.simulation.moving_clips import FPS, STILL_S, Movement, photographed_clip


def test_a_movement_is_short_whole_at_its_apex_and_nothing_before_and_after():
    for seed in range(20):
        made = Movement.drawn(np.random.default_rng(seed), seconds=2.4)
        assert STILL_S <= made.start_s < made.apex_s < made.end_s <= 2.4 - STILL_S
        assert 0.2 <= made.end_s - made.start_s <= 0.5
        assert made.level(made.apex_s) == pytest.approx(1)
        assert made.level(made.start_s) == made.level(made.end_s) == 0
        assert 0 < made.level((made.start_s + made.apex_s) / 2) < 1


def test_the_frame_at_the_apex_differs_most_from_a_still_clip(astronaut_rgb, astronaut_face):
    made = Movement(0.16, 0.32, 0.48)
    clips = [
        list(
            photographed_clip(astronaut_rgb, astronaut_face, np.random.default_rng(4), seconds=0.64, movement=movement)
        )
        for movement in (made, None)
    ]
    # The same draws but for the movement: camera, head and noise are the same.
    apart = [np.abs(one.astype(int) - other).mean() for one, other in zip(*clips, strict=True)]
    assert len(apart) == round(0.64 * FPS)
    assert apart[0] == apart[-1] == 0
    assert int(np.argmax(apart)) == pytest.approx(made.apex_s * FPS, abs=1)
