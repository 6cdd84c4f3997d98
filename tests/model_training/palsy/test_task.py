"""The palsy model as a training task: what a network is given, and how its map is judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from model_training.data.cache import Cache, open_cache
from model_training.errors import TrainingError
from model_training.networks.closeups import MOVEMENTS
from model_training.palsy.losses import PalsyLossConfig, map_loss, palsy_loss
from model_training.palsy.task import PalsyTask, targets
from tests.model_training.caches import write_cache
from tests.model_training.training.tiny_runs import TINY, config


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return open_cache(write_cache(tmp_path_factory.mktemp("cache")), kind="palsy")


def test_the_map_loss_weighs_a_mild_face_like_a_severe_one() -> None:
    truth = torch.zeros(3, 4, 4)
    truth[0, 1] = 0.3
    truth[1, 1] = 0.06
    known = torch.ones(3, 4, 4)
    known[2] = 0  # a face whose map is not known has no say
    severe, mild = (map_loss(truth * (1 - row), truth, known) for row in torch.eye(3)[:2, :, None, None])
    assert 0.4 < mild < severe < 0.5, "each is wholly wrong in one of two faces"
    assert map_loss(truth + 1, truth, torch.zeros_like(known)) == 0
    assert map_loss(truth, truth, known) == 0


def test_a_network_of_landmarks_alone_is_given_no_pictures(cache: Cache, tmp_path: Path) -> None:
    rows = np.arange(3)
    assert "images" in PalsyTask(config(cache.folder, tmp_path, model=TINY)).arrays(cache, rows)
    alone = PalsyTask(config(cache.folder, tmp_path, model={**TINY, "use_images": False})).arrays(cache, rows)
    assert not {"images", "roi_masks"} & set(alone)
    assert {"landmarks", "asymmetry_map", "label", "side"} <= set(alone)


def test_a_pose_tells_the_movement_and_an_unknown_one_teaches_none(cache: Cache) -> None:
    frame = cache.frame.iloc[:4].assign(pose=["rest", "tight_closure", "happy", ""])
    movement = targets(frame, classes=6)["movement"]
    assert [list(MOVEMENTS)[index] if index >= 0 else None for index in movement] == ["rest", "eyes", None, None]
    batch = {name: torch.from_numpy(values) for name, values in targets(frame, classes=6).items()}
    outputs = {
        "grade_logits": torch.zeros(4, 5),
        "side_logits": torch.zeros(4, 3),
        "movement_logits": torch.zeros(4, len(MOVEMENTS), requires_grad=True),
    }
    _, parts = palsy_loss(batch, outputs, PalsyLossConfig())
    torch.testing.assert_close(parts["movement"].item(), float(np.log(len(MOVEMENTS))))
    (gradient,) = torch.autograd.grad(parts["movement"], outputs["movement_logits"])
    assert gradient.abs().amax(1).bool().tolist() == [True, True, False, False]
    nothing = {**batch, "movement": torch.full((4,), -1)}
    assert palsy_loss(nothing, outputs, PalsyLossConfig())[1]["movement"] == 0


def test_natural_asymmetry_needs_a_healthy_face(cache: Cache, tmp_path: Path) -> None:
    task = PalsyTask(config(cache.folder, tmp_path, augmentation={"natural_asymmetry": 1.0}))
    arrays = task.arrays(cache, np.arange(12))
    task.augmenter(arrays)
    without = {name: values[arrays["label"] > 0] for name, values in arrays.items()}
    with pytest.raises(TrainingError, match=r"natural_asymmetry: .* healthy faces.* no training row has label 1"):
        task.augmenter(without)
