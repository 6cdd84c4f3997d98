"""The networks of a micro-expression checkpoint: one HTNet, or the members of an ensemble that was trained folded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from model_training.configuration import build
from model_training.errors import TrainingError
from model_training.microexpression.folded.network import fold_state_dict, htnet_arguments
from model_training.microexpression.folded.training import TrainingConfig
from model_training.networks.htnet import HTNet
from model_training.saved_folder import with_tuples
from model_training.training.checkpoint import Checkpoint


def plain_htnet(checkpoint: Checkpoint) -> HTNet:
    """The HTNet of a micro-expression checkpoint. Raises TrainingError where weights and configuration do not fit."""
    arguments = {name: value for name, value in checkpoint.config["model"].items() if name != "name"}
    return _htnet(checkpoint, with_tuples(arguments), checkpoint.state_dict)


def folded_members(checkpoint: Checkpoint) -> list[HTNet]:
    """The networks of an ensemble, each on its own. Raises TrainingError where weights and configuration do not fit."""
    training = build(TrainingConfig, checkpoint.config, source=str(checkpoint.path))
    weights = dict(checkpoint.state_dict)
    try:
        each = [fold_state_dict(training.model, weights, index) for index in range(len(weights["embed.w"]))]
    except (KeyError, RuntimeError) as error:
        raise TrainingError(f"{checkpoint.path}: the weights do not fit the configuration ({error})") from error
    return [_htnet(checkpoint, htnet_arguments(training.model), state) for state in each]


def _htnet(checkpoint: Checkpoint, arguments: Mapping[str, Any], state_dict: Mapping[str, Tensor]) -> HTNet:
    try:
        network = HTNet(**arguments)
        network.load_state_dict(dict(state_dict))
    except (TypeError, ValueError) as error:
        raise TrainingError(f"{checkpoint.path}: config.model: {error}") from error
    except RuntimeError as error:
        problem = str(error).splitlines()[0]
        raise TrainingError(f"{checkpoint.path}: the weights do not fit the configuration ({problem})") from error
    return network.eval()
