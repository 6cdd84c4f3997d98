"""Checkpoints: {config, preprocessing, state_dict} and what grew around it, read with weights_only=True.

A checkpoint holds only tensors, strings, numbers, lists and dictionaries. `config["model"]` is {"name": class,
**constructor arguments}, all of them, so that the network can be built from the file alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from model_training.errors import TrainingError
from model_training.runtime.whole_file import whole_file

CHECKPOINT_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A trained network. preprocessing: {"kind", "fingerprint", "spec"}; labels: names in order; calibration: see
    face.palsy.decoding."""

    task: str
    config: Mapping[str, Any]
    labels: tuple[str, ...]
    preprocessing: Mapping[str, Any]
    state_dict: Mapping[str, Tensor]
    calibration: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    training_data: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None


def save_atomically(payload: Mapping[str, Any], path: Path) -> None:
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
        raise TrainingError(f"{path}: no such checkpoint")
    try:
        payload = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged archive fails in many ways, and none of them is worth a traceback
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise TrainingError(f"{path}: not a checkpoint that can be loaded safely ({reason})") from error
    if not isinstance(payload, dict):
        raise TrainingError(f"{path}: not a checkpoint, it holds a {type(payload).__name__}")
    return payload


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    save_atomically(
        {
            "format": CHECKPOINT_FORMAT,
            "task": checkpoint.task,
            "config": dict(checkpoint.config),
            "labels": list(checkpoint.labels),
            "preprocessing": dict(checkpoint.preprocessing),
            "state_dict": dict(checkpoint.state_dict),
            "calibration": dict(checkpoint.calibration),
            "metrics": dict(checkpoint.metrics),
            "training_data": dict(checkpoint.training_data),
        },
        path,
    )


def load_checkpoint(path: Path) -> Checkpoint:
    """Raises TrainingError naming the file and what is missing."""
    payload = load_payload(path)
    missing = [key for key in ("task", "config", "labels", "preprocessing", "state_dict") if key not in payload]
    if missing:
        raise TrainingError(f"{path}: not a checkpoint of this package, it lacks {', '.join(missing)}")
    if payload.get("format") != CHECKPOINT_FORMAT:
        raise TrainingError(
            f"{path}: checkpoint format {payload.get('format')!r}, this version reads {CHECKPOINT_FORMAT}"
        )
    return Checkpoint(
        task=payload["task"],
        config=payload["config"],
        labels=tuple(payload["labels"]),
        preprocessing=payload["preprocessing"],
        state_dict=payload["state_dict"],
        calibration=payload.get("calibration", {}),
        metrics=payload.get("metrics", {}),
        training_data=payload.get("training_data", {}),
        path=path,
    )


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
