"""Networks of the palsy model by name: made from a configuration, brought back from a checkpoint, and called alike."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard, cast, get_origin, get_type_hints

import torch
from pydantic import Field, create_model
from torch import Tensor, nn

from model_training.configuration import Configuration, build, unknown_key
from model_training.errors import TrainingError
from model_training.networks.htnet import HTNet, SizeName, named_size
from model_training.networks.htnet_enhanced import HTNetEnhanced
from model_training.networks.htnet_grader import HTNetGrader

PalsyNetwork = HTNetEnhanced | HTNetGrader
NETWORKS: Mapping[str, type[HTNetEnhanced] | type[HTNetGrader]] = {"HTNetEnhanced": HTNetEnhanced, "HTNet": HTNetGrader}


def build_network(model: Mapping[str, Any], *, source: str = "configuration") -> PalsyNetwork:
    """{"name": class, optional "size", **arguments} -> a fresh network. source: the file, named before every fault.

    Raises TrainingError naming an unknown key, a mistyped one or a value that the network refuses.
    """
    values = dict(model)
    name = values.pop("name", "HTNetEnhanced")
    if name not in tuple(NETWORKS):
        raise TrainingError(f"{source}: unknown name {name!r} in [model]; there are {', '.join(NETWORKS)}")
    arguments = checked_arguments(_SECTIONS[name], values, source=source)
    size = named_size(arguments.pop("size")) if "size" in arguments else {}
    try:
        return NETWORKS[name](**{**size, **arguments})
    except ValueError as error:
        raise TrainingError(f"{source}: section [model]: {error}") from error


def section_of(
    network: type[nn.Module], *, without: Iterable[str] = (), **more: tuple[Any, Any]
) -> type[Configuration]:
    """The keys of [model] for a network, from the annotated keyword arguments of its constructor. without: arguments
    that are no keys; more: name -> (type, default) of keys that are no arguments."""
    hints = get_type_hints(network.__init__)
    fields = dict(more)
    for name, parameter in inspect.signature(network).parameters.items():
        if name not in without:
            # TOML has lists where the constructor has tuples.
            strict = None if get_origin(hints[name]) is not tuple else False
            fields[name] = (hints[name], Field(default=parameter.default, strict=strict))
    made: type[Configuration] = create_model(network.__name__, __base__=Configuration, **cast("dict[str, Any]", fields))
    return made


def checked_arguments(section: type[Configuration], values: Mapping[str, Any], *, source: str) -> dict[str, Any]:
    """The keys that [model] sets, and no defaults. Raises TrainingError naming an unknown or a mistyped one."""
    known = section.model_fields
    for key in values:
        if key not in known:
            raise TrainingError(f"{source}: {unknown_key(key, known=known, of=section.__name__)}")
    return build(section, values, source=source, section="model.").model_dump(exclude_unset=True)


_SIZE: tuple[Any, Any] = (SizeName, "tiny")
_SECTIONS = {
    "HTNetEnhanced": section_of(HTNetEnhanced, size=_SIZE),
    # HTNetGrader hands its arguments on. A palsy checkpoint does not say whether its network is lean: none is.
    "HTNet": section_of(HTNet, without=("lean",), size=_SIZE),
}


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
        outputs = model(batch["images"], all_outputs=True)
    elif isinstance(inner, HTNetEnhanced):
        maps = maps and inner.config["use_images"] and inner.config["use_roi"]
        images = batch["images"] if inner.config["use_images"] else None
        landmarks = batch["landmarks"] if uses_geometry else None
        outputs = model(images, landmarks, all_outputs=True, return_roi_maps=maps, return_branches=branches)
    else:
        raise TypeError(f"neither of {', '.join(NETWORKS)}: {type(inner).__name__}")
    return outputs
