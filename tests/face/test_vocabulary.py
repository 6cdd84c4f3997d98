"""The words of the domain are those that bundles, answers and the simulator use."""

from __future__ import annotations

from pathlib import Path

import pytest

from face import vocabulary
from model_training.networks import closeups
from model_training.simulator import poses
from service.inference.manifest import PalsyManifest, parse_manifest

MODELS = Path(__file__).parents[2] / "models"


def test_the_simulator_shows_exactly_the_poses_of_an_examination() -> None:
    assert tuple(poses.MOVEMENTS) == vocabulary.POSES
    assert sorted(pose for group in closeups.MOVEMENTS.values() for pose in group) == sorted(vocabulary.POSES)


def test_the_shipped_bundles_use_these_words() -> None:
    manifest = parse_manifest((MODELS / "palsy" / "manifest.json").read_bytes())
    assert isinstance(manifest, PalsyManifest)
    assert manifest.labels.grades == vocabulary.HOUSE_BRACKMANN
    assert (manifest.labels.sides, manifest.labels.regions) == (vocabulary.SIDES, vocabulary.REGIONS)
    assert manifest.labels.roi == vocabulary.REGIONS_OF_INTEREST
    emotions = parse_manifest((MODELS / "microexpression" / "manifest.json").read_bytes())
    assert emotions.labels.emotions == vocabulary.EMOTIONS  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["SIDES", "HOUSE_BRACKMANN", "REGIONS", "OUTLINED_REGIONS", "EMOTIONS", "POSES"])
def test_no_word_stands_twice(name: str) -> None:
    words = getattr(vocabulary, name)
    assert len(set(words)) == len(words) > 1
