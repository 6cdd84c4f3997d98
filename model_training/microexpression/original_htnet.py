"""Weights of the original HTNet, as its research code saves them -> a checkpoint of this package.

Source: the structure that Wang et al., "HTNet for micro-expression recognition" (Neurocomputing 2024), publish with
their code: projections are 1x1 convolutions, a norm has weights `g` and `b`, and `pos_emb` holds one number for each
token of a block, added to every channel of every block. With block repeats 2, 2, 10 that is 171 tensors.

Its scripts feed it the flow image as OpenCV reads it, (strain, v, u) in 0..255, cut into four boxes. Here the order and
the range go into the patch embedding, so that the network takes the bytes (u, v, strain) that everything here has at
hand; the boxes are the input kind `published_boxes`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from face.microexpression.spec import MicroExpressionSpec
from face.vocabulary import EMOTIONS
from model_training.errors import TrainingError
from model_training.networks.htnet import HTNet
from model_training.saved_folder import with_tuples
from model_training.training.checkpoint import Checkpoint, load_payload

CHANNELS = 3
# How the tensors of one transformer block are called there and here.
_BLOCK = {
    "0.norm.g": "attention_norm.weight",
    "0.norm.b": "attention_norm.bias",
    "0.fn.to_qkv.weight": "attention.qkv.weight",
    "0.fn.to_out.0.weight": "attention.out.weight",
    "0.fn.to_out.0.bias": "attention.out.bias",
    "1.norm.g": "mlp_norm.weight",
    "1.norm.b": "mlp_norm.bias",
    "1.fn.net.0.weight": "mlp.0.weight",
    "1.fn.net.0.bias": "mlp.0.bias",
    "1.fn.net.3.weight": "mlp.3.weight",
    "1.fn.net.3.bias": "mlp.3.bias",
}
_AGGREGATE = {"0.weight": "convolution.weight", "0.bias": "convolution.bias", "1.g": "norm.weight", "1.b": "norm.bias"}
_ENDS = {
    "to_patch_embedding.1.weight": "encoder.patch_embedding.projection.weight",
    "to_patch_embedding.1.bias": "encoder.patch_embedding.projection.bias",
    "mlp_head.0.g": "norm.weight",
    "mlp_head.0.b": "norm.bias",
    "mlp_head.2.weight": "head.weight",
    "mlp_head.2.bias": "head.bias",
}


def import_original(path: Path, *, heads: int | None = None, labels: Sequence[str] = ()) -> Checkpoint:
    """heads: of the first level, where the weights leave them open; labels: of the classes, by default those of the
    three-class problem.

    Raises TrainingError for a file that holds no such weights, and where heads or labels are missing or do not fit.
    """
    state = read_original(path)
    arguments = arguments_of(state, heads=heads, source=str(path))
    names = tuple(labels) or (EMOTIONS if arguments["num_classes"] == len(EMOTIONS) else ())
    if len(names) != arguments["num_classes"]:
        raise TrainingError(
            f"{path}: its head has {arguments['num_classes']} classes, but --labels names {len(names)}; name them in "
            "the order of the class numbers, e.g. --labels negative,positive,surprise"
        )
    spec = MicroExpressionSpec()
    return Checkpoint(
        task="microexpression",
        network="HTNet",
        config={"model": {"name": "HTNet", **arguments}, "input": "published_boxes", "flip": False},
        labels=names,
        preprocessing={"kind": "microexpression", "spec": spec.to_dict(), "fingerprint": spec.fingerprint()},
        state_dict=for_bytes(renamed(state, arguments)),
        # What the original answers; nobody has fitted a temperature.
        calibration={"temperature": 1.0},
        training_data={
            "kind": "imported",
            "name": f"weights of the original HTNet, imported from {path.name}; trained on what is not recorded",
        },
    )


def read_original(path: Path) -> dict[str, Tensor]:
    """The state dict, also one inside {"state_dict": ...} or saved from several GPUs (`module.` before every name)."""
    payload = load_payload(path)
    inside = next((payload[key] for key in ("state_dict", "model_state_dict", "model") if key in payload), payload)
    if not isinstance(inside, Mapping) or not all(isinstance(value, Tensor) for value in inside.values()):
        raise TrainingError(
            f"{path}: holds more than weights and no state_dict; save `model.state_dict()` of the original"
        )
    state = {name.removeprefix("module."): value.float() for name, value in inside.items()}
    missing = [name for name in (*_ENDS, "layers.0.0.pos_emb") if name not in state]
    if missing:
        raise TrainingError(
            f"{path}: not weights of the original HTNet, {', '.join(missing[:3])} missing among {len(state)} tensors"
        )
    return state


def arguments_of(state: Mapping[str, Tensor], *, heads: int | None, source: str) -> dict[str, Any]:
    """HTNet's constructor arguments, read off the shapes. Raises TrainingError where they fit no HTNet."""
    levels = 0
    while f"layers.{levels}.0.pos_emb" in state:
        levels += 1
    repeats = []
    for level in range(levels):
        blocks = 0
        while f"layers.{level}.0.layers.{blocks}.0.norm.g" in state:
            blocks += 1
        repeats.append(blocks)
    dim, patch_values = state["to_patch_embedding.1.weight"].shape[:2]
    tokens = len(state["layers.0.0.pos_emb"])
    patch, side = math.isqrt(patch_values // CHANNELS), math.isqrt(tokens)
    if patch * patch * CHANNELS != patch_values or side * side != tokens:
        raise TrainingError(
            f"{source}: patches of {patch_values} values in blocks of {tokens} tokens are no square image of 3 channels"
        )
    if min(repeats) < 1:
        raise TrainingError(f"{source}: level {repeats.index(0) + 1} has no transformer block")
    return {
        "image_size": patch * side * 2 ** (levels - 1),
        "patch_size": patch,
        "num_classes": len(state["mlp_head.2.bias"]),
        "dim": dim,
        "heads": _heads(state, dim=dim, levels=levels, tokens=tokens, heads=heads, source=source),
        "num_hierarchies": levels,
        "block_repeats": repeats,
    }


def _heads(state: Mapping[str, Tensor], *, dim: int, levels: int, tokens: int, heads: int | None, source: str) -> int:
    """The weights tell only heads times the width of a head. Which it was matters where a block sees several tokens:
    over one token the attention is one linear map whatever the heads."""
    inner = [state[f"layers.{level}.0.layers.0.0.fn.to_out.0.weight"].shape[1] for level in range(levels)]

    def fits(count: int) -> bool:
        return all((count << n) * ((dim << n) // (count << n)) == width for n, width in enumerate(inner))

    possible = [count for count in range(1, dim + 1) if fits(count)]
    if heads is None and possible and tokens == 1:
        return possible[0]
    if heads is None or heads not in possible:
        given = (
            "give the number of the first level with --heads" if heads is None else f"--heads {heads} is none of them"
        )
        raise TrainingError(f"{source}: its attention can have {', '.join(map(str, possible)) or 'no'} heads; {given}")
    return heads


def renamed(state: Mapping[str, Tensor], arguments: Mapping[str, Any]) -> dict[str, Tensor]:
    """Every tensor under its name and in its shape here: the same network, which answers alike for the same numbers.

    Raises TrainingError for a tensor that is missing or left over.
    """
    left, made = dict(state), {}
    rows = arguments["image_size"] // arguments["patch_size"]

    def take(there: str, here: str) -> None:
        if there not in left:
            raise TrainingError(f"not weights of the original HTNet: {there} is missing")
        made[here] = left.pop(there)

    for there, here in _ENDS.items():
        take(there, here)
    for level, repeats in enumerate(arguments["block_repeats"]):
        prefix = f"encoder.levels.{level}"
        for block in range(repeats):
            for there, here in _BLOCK.items():
                take(f"layers.{level}.0.layers.{block}.{there}", f"{prefix}.blocks.{block}.{here}")
        if level:
            for there, here in _AGGREGATE.items():
                take(f"layers.{level - 1}.1.{there}", f"{prefix}.aggregate.{here}")
        numbers, width = left.pop(f"layers.{level}.0.pos_emb"), arguments["dim"] << level
        side, blocks = math.isqrt(len(numbers)), (rows >> level) // math.isqrt(len(numbers))
        made[f"{prefix}.position"] = numbers.view(side, side).repeat(blocks, blocks)[..., None].repeat(1, 1, width)
    if left:
        raise TrainingError(f"not weights of the original HTNet: it has no {', '.join(list(left)[:3])}")
    shapes = {name: value.shape for name, value in HTNet(**with_tuples(arguments)).state_dict().items()}
    try:
        return {name: value.reshape(shapes[name]).contiguous() for name, value in made.items()}
    except RuntimeError as error:
        raise TrainingError(f"not weights of the original HTNet: {error}") from error


def for_bytes(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network for (strain, v, u) in 0..255 -> that for (u, v, strain) in -1..1, what HTNet makes of bytes."""
    name = "encoder.patch_embedding.projection"
    weight, bias = state[f"{name}.weight"].double(), state[f"{name}.bias"].double()
    by_channel = weight.view(len(weight), -1, CHANNELS).flip(-1).reshape(len(weight), -1)
    scaled = {f"{name}.weight": by_channel * 127.5, f"{name}.bias": bias + 127.5 * weight.sum(1)}
    return {**state, **{key: value.to(torch.float32) for key, value in scaled.items()}}
