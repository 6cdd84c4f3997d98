"""Networks of the palsy model by name: made from a configuration, brought back from a checkpoint, and called alike."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from model_training.errors import TrainingError
from model_training.networks.htnet import HTNet, named_size
from model_training.networks.htnet_enhanced import HTNetEnhanced
from model_training.networks.htnet_grader import HTNetGrader

PalsyNetwork = HTNetEnhanced | HTNetGrader
NETWORKS: Mapping[str, type[HTNetEnhanced] | type[HTNetGrader]] = {"HTNetEnhanced": HTNetEnhanced, "HTNet": HTNetGrader}


def build_network(model: Mapping[str, Any], *, source: str = "[model]") -> PalsyNetwork:
    """{"name": class, optional "size", **arguments} -> a fresh network. Raises TrainingError naming an unknown key or a
    value it refuses."""
    arguments = dict(model)
    name = arguments.pop("name", "HTNetEnhanced")
    if name not in NETWORKS:
        raise TrainingError(f"{source}: unknown name {name!r}; there are {', '.join(NETWORKS)}")
    try:
        size = named_size(arguments.pop("size")) if "size" in arguments else {}
        arguments = {**size, **arguments}
        known = set(
            inspect.signature(HTNetEnhanced.__init__ if name == "HTNetEnhanced" else _htnet_keys).parameters
        ) - {"self"}
        unknown = [key for key in arguments if key not in known]
        if unknown:
            raise TrainingError(
                f"{source}: unknown key {unknown[0]!r} for {name}; known: size, {', '.join(sorted(known))}"
            )
        return NETWORKS[name](**arguments)
    except (ValueError, TypeError) as error:
        raise TrainingError(f"{source}: {error}") from error


def _htnet_keys(
    *,
    image_size: int,
    patch_size: int,
    num_classes: int,
    dim: int,
    heads: int,
    num_hierarchies: int,
    block_repeats: tuple[int, ...],
    in_channels: int,
    dropout: float,
) -> None:
    """The keys that HTNetGrader takes."""


def restore(model: Mapping[str, Any], state_dict: Mapping[str, torch.Tensor], *, source: str) -> PalsyNetwork:
    """The network of a checkpoint, with its weights. Raises TrainingError where they do not fit each other."""
    network = build_network(model, source=source)
    try:
        network.load_state_dict(state_dict)
    except RuntimeError as error:
        raise TrainingError(
            f"{source}: the weights do not fit the configuration ({str(error).splitlines()[0]})"
        ) from error
    return network.eval()


def arguments_of(network: nn.Module) -> dict[str, Any]:
    """The constructor's arguments, as a checkpoint may hold them: lists in place of tuples."""
    if not isinstance(network, HTNet | PalsyNetwork):
        raise TypeError(f"{type(network).__name__} does not keep the arguments that it was made with")
    return {name: list(value) if isinstance(value, tuple) else value for name, value in network.config.items()}


def uses_landmarks(model: nn.Module) -> TypeGuard[HTNetEnhanced]:
    """Whether the network has a geometry branch."""
    return isinstance(model, HTNetEnhanced) and model.geometry_branch is not None


def forward(
    model: nn.Module, batch: Mapping[str, Tensor], *, uses_geometry: bool, maps: bool = False, branches: bool = False
) -> dict[str, Tensor]:
    """Call either network with what it takes, images (N, C, H, W) and landmarks (N, 478, 3) of the batch -> the
    outputs of its class docstring.

    maps: the ROI maps too, where there are any; branches: each head's own logits.
    """
    inner = getattr(model, "module", model)
    inner = getattr(inner, "_orig_mod", inner)
    outputs: dict[str, Tensor]
    if isinstance(inner, HTNetGrader):
        outputs = model(batch["images"])
    elif isinstance(inner, HTNetEnhanced):
        maps = maps and inner.config["use_images"] and inner.config["use_roi"]
        images = batch["images"] if inner.config["use_images"] else None
        landmarks = batch["landmarks"] if uses_geometry else None
        outputs = model(images, landmarks, return_roi_maps=maps, return_branches=branches)
    else:
        raise TypeError(f"neither of {', '.join(NETWORKS)}: {type(inner).__name__}")
    return outputs
