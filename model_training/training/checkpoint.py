"""Checkpoints: {task, network, config, preprocessing, state_dict} and what grew around it, read with weights_only=True.

A checkpoint holds only tensors, strings, numbers, lists and dictionaries. It says what it is: `task` and `network`,
a class of model_training.networks or FOLDED_ENSEMBLE. Of a class, `config["model"]` is {"name": class, **constructor
arguments}, all of them, so that the network can be built from the file alone.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import torch
from torch import Tensor, nn

from face.vocabulary import EMOTIONS
from face.whole_file import whole_file
from model_training.errors import TrainingError
from model_training.saved_folder import is_saved_folder, read_saved

CHECKPOINT_FORMAT = 1
# The file's name in a bundle.
BUNDLED = "checkpoint.pt"
# The micro-expression ensemble: weights with a leading axis of members (model_training.microexpression.folded).
FOLDED_ENSEMBLE = "folded HTNet ensemble"
_ENSEMBLE_KINDS = ("simulation", "fine-tuned")
REQUIRED: Mapping[str, type] = {
    "task": str, "network": str, "config": dict, "labels": list, "preprocessing": dict, "state_dict": dict,
}  # fmt: skip
REQUIRED_WITHIN: Mapping[str, tuple[str, ...]] = {"config": ("model",), "preprocessing": ("spec", "fingerprint")}


class StoredCheckpoint(TypedDict):
    """What a file holds; see Checkpoint."""

    format: int
    task: str
    network: str
    config: dict[str, Any]
    labels: list[str]
    preprocessing: dict[str, Any]
    state_dict: dict[str, Tensor]
    calibration: dict[str, Any]
    metrics: NotRequired[dict[str, Any]]
    training_data: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A trained network. network: its class or FOLDED_ENSEMBLE; preprocessing: {"kind", "fingerprint", "spec"}; labels:
    names in order; calibration: PalsyCalibration's keys and `thresholds`, or `temperature`."""

    task: str
    network: str
    config: Mapping[str, Any]
    labels: tuple[str, ...]
    preprocessing: Mapping[str, Any]
    state_dict: Mapping[str, Tensor]
    calibration: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    training_data: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None

    def stored(self) -> StoredCheckpoint:
        """The dictionary that a file holds."""
        return {
            "format": CHECKPOINT_FORMAT,
            "task": self.task,
            "network": self.network,
            "config": dict(self.config),
            "labels": list(self.labels),
            "preprocessing": dict(self.preprocessing),
            "state_dict": dict(self.state_dict),
            "calibration": dict(self.calibration),
            "metrics": dict(self.metrics),
            "training_data": dict(self.training_data),
        }


def save_atomically(payload: Mapping[str, object], path: Path) -> None:
    """torch.save that leaves the old file or the new one, never half of one. Raises TrainingError where it cannot be
    written."""
    try:
        with whole_file(path) as temporary, temporary.open("wb") as stream:
            torch.save(dict(payload), stream)
    except (OSError, RuntimeError) as error:
        # torch reports a failed write as an archive that has gone wrong, the reason behind it.
        reason = error if isinstance(error, OSError) else error.__context__
        if not isinstance(reason, OSError):
            raise
        raise TrainingError(
            f"{path}: could not be written ({reason.strerror}). What was saved there before is kept."
        ) from error


def load_payload(path: Path) -> dict[str, Any]:
    """The raw dictionary of a checkpoint or training state. Raises TrainingError for anything else."""
    if not path.is_file():
        raise TrainingError(f"{path}: {_what_folder(path) if path.is_dir() else 'no such checkpoint'}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, about pickles of others, which are refused just below
            payload = torch.load(path, map_location="cpu", weights_only=True)
        damaged = _damaged_part(path)
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # a damaged archive fails in many ways, and none of them is worth a traceback
        raise TrainingError(f"{path}: not a checkpoint that can be loaded safely: {_what_it_is(path)}") from error
    if damaged is not None:
        raise TrainingError(f"{path}: damaged, the checksum of its part {damaged} does not fit; copy it again")
    if not isinstance(payload, dict):
        raise TrainingError(f"{path}: not a checkpoint, it holds a {type(payload).__name__}")
    return payload


def _what_folder(path: Path) -> str:
    """What a folder is that was given for a checkpoint."""
    below = sorted(item.name for item in path.iterdir() if is_saved_folder(item) or (item / BUNDLED).is_file())
    if below:
        return f"a folder of several, give one of them: {', '.join(str(path / name) for name in below[:4])}"
    files = sorted(item for item in path.iterdir() if item.suffix in (".pt", ".pth"))
    if any(item.suffix == ".pth" for item in files):
        return (
            "a folder, not a checkpoint; weights of the original HTNet become checkpoints with `htnet import-original`"
        )
    return f"a folder, not a checkpoint{f'; there is {files[0]}' if files else ''}"


def _damaged_part(path: Path) -> str | None:
    """torch.load does not look at the checksums that torch.save writes: one flipped bit would be another network."""
    with zipfile.ZipFile(path) as archive:
        return archive.testzip()


def _what_it_is(path: Path) -> str:
    """Torch's own reasons tell readers to load the file unsafely."""
    with path.open("rb") as stream:
        start = stream.read(4)
    if not start:
        return "the file is empty"
    if zipfile.is_zipfile(path):
        return "it holds more than tensors and plain values, or is damaged; objects are never loaded, they can run code"
    if start.startswith(b"PK"):
        return "its end is missing, it was not written or copied whole"
    return "it is not a file of torch.save"


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    save_atomically(checkpoint.stored(), path)


def load_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint of any task and network: a file, a bundle's folder with one, or a folder of `save_pretrained`.

    Raises TrainingError naming the file and what is missing.
    """
    if is_saved_folder(path):
        return _of_saved_folder(path)
    if (path / BUNDLED).is_file():
        path = path / BUNDLED
    payload = load_payload(path)
    if "progress" in payload:
        raise TrainingError(
            f"{path}: the state of a run, which --resume goes on from; the trained network is best.pt beside it"
        )
    if "network" not in payload:
        payload = _said_by_older_fields(payload)
    if payload and all(isinstance(value, Tensor) for value in payload.values()):
        raise TrainingError(
            f"{path}: bare weights without the configuration that they belong to, not a checkpoint; a network's "
            "`save_pretrained` keeps both. Weights of the original HTNet become one with `htnet import-original`"
        )
    missing = [key for key in REQUIRED if key not in payload]
    if missing:
        raise TrainingError(f"{path}: not a checkpoint of this package, it lacks {', '.join(missing)}")
    if payload.get("format") != CHECKPOINT_FORMAT:
        raise TrainingError(
            f"{path}: checkpoint format {payload.get('format')!r}, this version reads {CHECKPOINT_FORMAT}"
        )
    for key, kind in REQUIRED.items():
        if not isinstance(payload[key], kind):
            raise TrainingError(
                f"{path}: not a checkpoint of this package, its field {key} is {type(payload[key]).__name__}, "
                f"not {kind.__name__}"
            )
    lacking = [f"{key}.{name}" for key, names in REQUIRED_WITHIN.items() for name in names if name not in payload[key]]
    if lacking:
        raise TrainingError(f"{path}: not a checkpoint of this package, it lacks {', '.join(lacking)}")
    return Checkpoint(
        task=payload["task"],
        network=payload["network"],
        config=payload["config"],
        labels=tuple(payload["labels"]),
        preprocessing=payload["preprocessing"],
        state_dict=payload["state_dict"],
        calibration=payload.get("calibration", {}),
        metrics=payload.get("metrics", {}),
        training_data=payload.get("training_data", {}),
        path=path,
    )


def _of_saved_folder(path: Path) -> Checkpoint:
    saved = read_saved(path)
    about = dict(saved.about)
    missing = [name for name in ("task", "labels", "preprocessing") if not about.get(name)]
    if missing:
        raise TrainingError(
            f"{path}: a network whose {', '.join(missing)} nobody wrote down: it was saved before it was trained here. "
            "It can be loaded in Python and given to --init"
        )
    # Of the palsy networks the plain one is called by what it wraps.
    name = saved.network.removesuffix("Grader")
    return Checkpoint(
        task=about["task"],
        network=name,
        config={**about.get("config", {}), "model": {"name": name, **saved.arguments}},
        labels=tuple(about["labels"]),
        preprocessing=about["preprocessing"],
        state_dict=saved.state_dict,
        calibration=about.get("calibration", {}),
        metrics=about.get("metrics", {}),
        training_data=about.get("training_data", {}),
        path=path,
    )


def load_weights(path: Path) -> Mapping[str, Tensor]:
    """The weights alone, also of a saved network that nothing else is known of: all that `--init` needs."""
    return read_saved(path).state_dict if is_saved_folder(path) else load_checkpoint(path).state_dict


def _said_by_older_fields(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint from before the field `network` with what it would say today; anything else as it is.

    A network on its own had task and format and named its class in the configuration; an ensemble had neither, and
    recorded what it was trained on by a kind.
    """
    config, training_data = payload.get("config"), payload.get("training_data")
    if "task" in payload:
        model = config.get("model") if isinstance(config, dict) else None
        if isinstance(model, dict) and "name" in model:
            return {**payload, "network": model["name"]}
        return dict(payload)
    if isinstance(training_data, dict) and training_data.get("kind") in _ENSEMBLE_KINDS:
        return {
            **payload,
            "format": CHECKPOINT_FORMAT,
            "task": "microexpression",
            "network": FOLDED_ENSEMBLE,
            "labels": list(EMOTIONS),
        }
    return dict(payload)


@dataclass(frozen=True)
class InitReport:
    """What `--init` took over. Names of parameters and buffers; mismatched: (name, shape there, shape here)."""

    taken: tuple[str, ...]
    mismatched: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    only_here: tuple[str, ...]
    only_there: tuple[str, ...]
    taken_values: int
    total_values: int

    def lines(self) -> list[str]:
        share = self.taken_values / max(self.total_values, 1)
        lines = [
            f"{len(self.taken)} tensors taken ({self.taken_values:,} of {self.total_values:,} values, {share:.0%})"
        ]
        lines += [
            f"not taken, other shape: {name} {list(there)} -> {list(here)}" for name, there, here in self.mismatched
        ]
        for title, names in (
            ("fresh, not in the checkpoint", self.only_here),
            ("in the checkpoint, not needed here", self.only_there),
        ):
            if names:
                shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
                lines.append(f"{title}: {shown}")
        return lines


def take_weights(model: nn.Module, state_dict: Mapping[str, Tensor]) -> InitReport:
    """Copy what fits by name and shape. The encoder of a micro-expression HTNet is found under its own name in the
    palsy network.

    Raises TrainingError when nothing fits: a transfer that transfers nothing is a mistake, not a start from scratch.
    """
    own = model.state_dict()
    there = {_own_name(name, own): value for name, value in state_dict.items()}
    taken = [name for name, value in there.items() if name in own and own[name].shape == value.shape]
    mismatched = [
        (n, tuple(v.shape), tuple(own[n].shape)) for n, v in there.items() if n in own and own[n].shape != v.shape
    ]
    if not taken:
        raise TrainingError(
            "--init: no weight of that checkpoint fits this network by name and shape; choose a checkpoint of a "
            "related one"
        )
    model.load_state_dict({name: there[name] for name in taken}, strict=False)
    return InitReport(
        taken=tuple(taken),
        mismatched=tuple(mismatched),
        only_here=tuple(name for name in own if name not in there),
        only_there=tuple(name for name in there if name not in own),
        taken_values=sum(own[name].numel() for name in taken),
        total_values=sum(value.numel() for value in own.values()),
    )


def _own_name(name: str, own: Mapping[str, Tensor]) -> str:
    """The same weight's name in the other network: `encoder.` here is `image_branch.encoder.` or `network.encoder.`
    there."""
    prefixes = ("image_branch.", "network.")
    bare = next((name.removeprefix(prefix) for prefix in prefixes if name.startswith(prefix)), name)
    return next(
        (candidate for candidate in (name, bare, *(prefix + bare for prefix in prefixes)) if candidate in own), name
    )
