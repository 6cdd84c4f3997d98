"""Limits of answers: what a `thresholds` block may say, and that a wrong one is told by its key."""

from __future__ import annotations

from typing import Any

import pytest

from face.errors import InvalidLimits
from face.frame.quality import QualityLimits
from face.frame.regions import ASYMMETRY_FULL_SCALE
from face.palsy.decoding import TurnedHead
from face.palsy.limits import AnswerLimits
from face.palsy.visibility import SeenLimits


def test_what_is_left_out_keeps_the_default() -> None:
    assert AnswerLimits.of({}) == AnswerLimits()
    assert AnswerLimits().full_scale == ASYMMETRY_FULL_SCALE
    assert AnswerLimits.of({"out_of_distribution": None, "quality": {}}) == AnswerLimits()
    given = AnswerLimits.of(
        {
            "quality": {"max_yaw_deg": 20.0},
            "out_of_distribution": {"warn_above": 2.4, "refuse_above": None},
            "heatmap_full_scale": 1,
            "visibility": {"seen_from": 0.3, "whole_from": 0.6, "mouth_whole_from": 0.7},
            "turned_head": {"from_deg": 6.0, "per_deg": 0.1},
        }
    )
    assert given == AnswerLimits(
        quality=QualityLimits(max_yaw_deg=20.0),
        warn_above=2.4,
        full_scale=1.0,
        visibility=SeenLimits(seen_from=0.3, whole_from=0.6, mouth_whole_from=0.7),
        turned_head=TurnedHead(from_deg=6.0, per_deg=0.1),
    )


def test_a_bundle_that_knows_one_limit_of_visibility_has_it_for_everything() -> None:
    one = AnswerLimits.of({"visibility": {"seen_from": 0.7, "whole_from": None, "mouth_whole_from": None}})
    assert one.visibility == SeenLimits(seen_from=0.7, whole_from=0.7, mouth_whole_from=0.7)
    assert AnswerLimits.of({"visibility": {"whole_from": 0.5}}).visibility == SeenLimits(whole_from=0.5)


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ({"qualty": {}}, r"unknown key 'qualty'; known here: quality, out_of_distribution, heatmap_full_scale"),
        ({"quality": {"max_yaw": 20.0}}, r"unknown key 'quality\.max_yaw'; known here: .*max_yaw_deg"),
        (
            {"out_of_distribution": {"warn_over": 2.0}},
            r"unknown key 'out_of_distribution\.warn_over'; known here: warn_above, refuse_above",
        ),
        ({"quality": {"max_yaw_deg": -1.0}}, r"max_yaw_deg must be a finite number >= 0, got -1\.0"),
        ({"out_of_distribution": {"warn_above": float("nan")}}, "must be a finite number, got nan"),
        ({"heatmap_full_scale": 0.0}, r"heatmap_full_scale must be a positive number, got 0\.0"),
        ({"visibility": {"seen_to": 0.5}}, r"unknown key 'visibility\.seen_to'; known here: seen_from"),
        ({"visibility": {"seen_from": 1.5}}, r"visibility\.seen_from must lie between 0 and 1, got 1\.5"),
        (
            {"visibility": {"seen_from": 0.5, "whole_from": 0.4}},
            r"visibility\.whole_from must not be below seen_from, 0\.5, got 0\.4",
        ),
        ({"turned_head": {"per_degree": 0.1}}, r"unknown key 'turned_head\.per_degree'; known here: from_deg, per_deg"),
        ({"turned_head": {"per_deg": -0.1}}, r"turned_head\.per_deg must be a finite number >= 0, got -0\.1"),
        ({"heatmap_full_scale": -0.1}, r"heatmap_full_scale must be a positive number, got -0\.1"),
        ({"heatmap_full_scale": float("inf")}, "heatmap_full_scale must be a positive number, got inf"),
    ],
)
def test_a_wrong_block_is_refused_by_its_key(thresholds: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidLimits, match=f"^thresholds: .*{message}"):
        AnswerLimits.of(thresholds)
