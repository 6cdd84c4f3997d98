"""A trained network from wherever it lies: a shipped bundle, a checkpoint of a run, a folder of `save_pretrained`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model_training.errors import TrainingError
from model_training.microexpression.stored_networks import folded_members, plain_htnet
from model_training.networks.build import NETWORKS, PalsyNetwork, restore
from model_training.networks.htnet import HTNet
from model_training.saved_folder import is_saved_folder, read_saved
from model_training.training.checkpoint import FOLDED_ENSEMBLE, Checkpoint, load_checkpoint

MANIFEST = "manifest.json"


def load(path: str | Path, *, member: int | None = None) -> HTNet | PalsyNetwork:
    """The network, on the CPU and in eval mode; `about` tells its task, labels and calibration.

    path: a bundle (``load("models/palsy")``), a checkpoint (``runs/demo/best.pt``) or a folder of `save_pretrained`.
    member: of an ensemble trained by `htnet microexpression reference`, which of its networks, from 0.

    Raises TrainingError naming the file and what is wrong with it.
    """
    place = Path(path)
    if is_saved_folder(place):
        name = read_saved(place).network
        classes = {cls.__name__: cls for cls in (HTNet, *NETWORKS.values())}
        if name not in classes:
            raise TrainingError(f"{place}: holds {name!r}; there are {', '.join(classes)}")
        return classes[name].from_pretrained(place)
    checkpoint = load_checkpoint(place)
    if checkpoint.network == FOLDED_ENSEMBLE:
        network: HTNet | PalsyNetwork = _member(checkpoint, member)
    elif member is not None:
        raise TrainingError(f"{place}: holds one {checkpoint.network}, no ensemble: leave member={member} out")
    elif checkpoint.task == "microexpression":
        network = plain_htnet(checkpoint)
    else:
        network = restore(checkpoint.config["model"], checkpoint.state_dict, source=str(checkpoint.path))
    network.about = {**_about(checkpoint), **_licence(place)}
    network.eval()
    return network


def _member(checkpoint: Checkpoint, member: int | None) -> HTNet:
    networks = folded_members(checkpoint)
    if member is None or not 0 <= member < len(networks):
        raise TrainingError(
            f"{checkpoint.path}: an ensemble; say which of its networks with member=0 to "
            f"member={len(networks) - 1}, got {member}"
        )
    return networks[member]


def _about(checkpoint: Checkpoint) -> dict[str, Any]:
    stored = checkpoint.stored()
    config = {key: value for key, value in stored["config"].items() if key != "model"}
    kept = ("task", "labels", "preprocessing", "calibration", "metrics", "training_data")
    return {**{key: stored[key] for key in kept}, "config": config}  # type: ignore[literal-required]


def _licence(place: Path) -> Mapping[str, Any]:
    """Of a bundle, from its manifest."""
    manifest = place / MANIFEST
    if not manifest.is_file():
        return {}
    try:
        licence = json.loads(manifest.read_text(encoding="utf-8")).get("licence")
    except ValueError as error:
        raise TrainingError(f"{manifest}: is not JSON ({error})") from error
    return {"licence": licence} if licence else {}
