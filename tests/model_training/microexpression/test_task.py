"""The micro-expression task refuses what it would not follow."""

from __future__ import annotations

from typing import Any

import pytest

from face.vocabulary import EMOTIONS
from model_training.configuration import build
from model_training.errors import TrainingError
from model_training.microexpression.task import MicroExpressionTask
from model_training.training.config import TrainConfig

SMALL = {"dim": 8, "heads": 1, "block_repeats": [1, 1, 1]}


def task(**sections: Any) -> MicroExpressionTask:
    values = {"task": "microexpression", "data": {"cache": "c"}, "model": SMALL, "run": {"out": "o"}, **sections}
    return MicroExpressionTask(build(TrainConfig, values))


def test_labels_are_the_emotions_unless_others_are_named() -> None:
    made = task()
    assert made.labels == made.config.data.labels == EMOTIONS
    assert made.model_config(made.build_model(None))["num_classes"] == len(EMOTIONS)
    assert task(data={"cache": "c", "labels": ["a", "b"]}, model={**SMALL, "num_classes": 2}).labels == ("a", "b")


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"model": {"num_classes": 5}}, "model.num_classes is 5, but data.labels names 3 labels, .*Leave"),
        ({"model": {"in_channels": 1}}, "model.in_channels is 1, but a flow image has 3 channels: .*Leave"),
        ({"model": {"dim": "x"}}, "^configuration: 'model.dim' must be int, got 'x'$"),
        ({"model": {"size": "tiny"}}, "unknown key 'size' for HTNet; known here: image_size"),
        ({"model": {"name": "HTNetEnhanced"}}, "a micro-expression network is HTNet, got 'HTNetEnhanced'"),
        (
            {"augmentation": {"flip": True, "noise": 0.1, "blur": 0.3}},
            "no effect on flow images: augmentation.blur, augmentation.noise. Training only mirrors",
        ),
    ],
)
def test_what_would_have_no_effect_is_refused(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        task(**sections)
