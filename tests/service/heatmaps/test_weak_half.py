from __future__ import annotations

import numpy as np
import pytest

from face.vocabulary import Side
from service.heatmaps.weak_half import FAINT, towards_weak_half


@pytest.mark.parametrize(("side", "weak"), [("left", np.s_[:, 20:]), ("right", np.s_[:, :12])])
def test_the_weak_half_keeps_its_heat_and_the_other_is_faint(side: Side, weak: tuple[slice, slice]) -> None:
    heat = np.random.default_rng(0).random((32, 32)).astype(np.float32)
    drawn = towards_weak_half(heat, side)
    np.testing.assert_allclose(drawn[weak], heat[weak], rtol=1e-6)
    np.testing.assert_allclose(drawn[:, ::-1][weak], FAINT * heat[:, ::-1][weak], rtol=1e-6)


def test_nothing_changes_where_no_side_is_named_and_nothing_is_added_where_there_is_no_heat() -> None:
    heat = np.full((32, 32), 0.1, np.float32)
    assert towards_weak_half(heat, "none") is heat
    assert not towards_weak_half(np.zeros((32, 32), np.float32), "left").any()


def test_the_mirrored_map_with_the_other_side_is_drawn_mirrored() -> None:
    heat = np.random.default_rng(1).random((32, 32)).astype(np.float32)
    np.testing.assert_allclose(
        towards_weak_half(heat[:, ::-1], "right"), towards_weak_half(heat, "left")[:, ::-1], rtol=1e-6
    )
