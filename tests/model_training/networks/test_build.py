"""[model] is typed by the constructor of the network that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from model_training.errors import TrainingError
from model_training.networks.build import arguments_of, build_network, restore

CHECKPOINT = Path(__file__).parents[3] / "models" / "palsy" / "checkpoint.pt"
SMALL = {"size": "tiny", "patch_size": 14, "dim": 8}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dimm": 8}, r"^run\.toml: unknown key 'dimm' for HTNetEnhanced; known here: size, .* Did you mean 'dim'\?$"),
        ({"name": "HTNet", "use_roi": True}, r"^run\.toml: unknown key 'use_roi' for HTNet; known here: size, "),
        ({"name": "HTNet", "lean": True}, r"^run\.toml: unknown key 'lean' for HTNet; "),
        ({"use_roi": "no"}, r"^run\.toml: 'model\.use_roi' must be bool, got 'no'$"),
        ({"dim": "x"}, r"^run\.toml: 'model\.dim' must be int, got 'x'$"),
        ({"geometry_symmetric_components": "x"}, r"'model\.geometry_symmetric_components' must be int, got 'x'$"),
        ({"dropout": "0.1"}, r"'model\.dropout' must be float, got '0\.1'$"),
        ({"closeups": "eye"}, r"'model\.closeups' must be a list, got 'eye'$"),
        ({"block_repeats": [1, "1", 1]}, r"'model\.block_repeats' must be int, got '1'$"),
        ({"size": "huge"}, r"'model\.size' must be one of 'tiny', 'small', 'base', got 'huge'$"),
        ({"name": "HTNett"}, r"^run\.toml: unknown name 'HTNett' in \[model\]; there are HTNetEnhanced, HTNet$"),
        ({"name": ["HTNet"]}, r"unknown name \['HTNet'\]"),
        ({"geometry_share": 2}, r"^run\.toml: section \[model\]: geometry_share must be in 0\.\.1, got 2"),
    ],
)
def test_every_mistake_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        build_network({**SMALL, **changes}, source="run.toml")


@pytest.mark.parametrize("name", ["HTNetEnhanced", "HTNet"])
def test_size_gives_what_is_not_set_and_whole_numbers_are_floats(name: str) -> None:
    arguments = arguments_of(build_network({**SMALL, "name": name, "dropout": 0, "block_repeats": [1, 1, 1]}))
    assert (arguments["heads"], arguments["dim"], arguments["num_classes"]) == (1, 8, 6)
    assert (arguments["dropout"], arguments["block_repeats"]) == (0.0, [1, 1, 1])


def test_the_shipped_checkpoint_loads() -> None:
    payload = torch.load(CHECKPOINT, weights_only=True)
    model = payload["config"]["model"]
    network = restore(model, payload["state_dict"], source="checkpoint.pt")
    assert arguments_of(network) == {key: value for key, value in model.items() if key != "name"}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("image_size", 0, "image_size must be positive, got 0"),
        ("patch_size", 0, "patch_size must be positive, got 0"),
        ("head_dim", -1, "head_dim must be positive, got -1"),
        ("head_dim", 0, "head_dim must be positive, got 0"),
        ("geometry_noise", float("nan"), r"model\.geometry_noise must be a finite number, got nan"),
        ("geometry_symmetric_gain", float("inf"), r"model\.geometry_symmetric_gain must be a finite number, got inf"),
    ],
)
def test_a_number_that_no_network_can_have_is_refused_by_its_key(key: str, value: float, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        build_network({"name": "HTNetEnhanced", "size": "tiny", "use_geometry": True, key: value})
