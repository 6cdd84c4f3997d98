"""Caches of hidden faces -> a visibility head: one file that export puts beside a grader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from face.palsy.input import PalsyInputSpec
from face.vocabulary import VISIBLE_REGIONS
from model_training.configuration import Configuration
from model_training.data.cache import Cache, open_cache
from model_training.errors import TrainingError
from model_training.palsy.visibility.network import NAME, SeenMap
from model_training.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

# Cells outside every region count a little: heat is drawn there too.
_ELSEWHERE = 0.2


class VisibilityConfig(Configuration):
    """How the head is trained."""

    width: int = Field(default=16, ge=1, le=128)
    """Channels of its first layer."""
    epochs: int = Field(default=10, ge=1)
    batch_size: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=4e-3, gt=0)
    weight_decay: float = Field(default=1e-3, ge=0)
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class Epoch:
    """losses: cross entropy of the cells, in nats; the entropy of cells that are half seen is part of it."""

    number: int
    train_loss: float
    validation_loss: float


@dataclass(frozen=True, eq=False)
class _Pictures:
    """images (N, 1, 224, 224) uint8, seen (N, 32, 32) and weight (N, 32, 32) float32, of several caches."""

    images: npt.NDArray[np.uint8]
    seen: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]

    @classmethod
    def of(cls, folders: Sequence[Path]) -> _Pictures:
        caches = [open_cache(folder, kind="palsy", fingerprint=PalsyInputSpec().fingerprint()) for folder in folders]
        for cache in caches:
            _check(cache)
        seen = np.concatenate([np.asarray(cache.arrays["seen_map"], np.float32) for cache in caches])
        inside = np.concatenate([np.asarray(cache.arrays["roi_masks"]).max(axis=1) for cache in caches])
        return cls(
            images=np.concatenate([np.asarray(cache.arrays["images"]) for cache in caches]),
            seen=seen,
            weight=np.asarray(_ELSEWHERE + (1 - _ELSEWHERE) * inside / 255, np.float32),
        )

    def batch(self, rows: npt.NDArray[np.intp]) -> tuple[Tensor, Tensor, Tensor]:
        images, seen, weight = (torch.from_numpy(array[rows]) for array in (self.images, self.seen, self.weight))
        return images, seen, weight


def _check(cache: Cache) -> None:
    if "seen_map" not in cache.arrays or np.isnan(np.asarray(cache.arrays["seen_map"], np.float32)).any():
        raise TrainingError(
            f"{cache.folder}: does not say what is seen of its faces; make the pictures with `htnet simulate "
            "hidden-faces`, then a cache of them"
        )


def train_visibility(
    train: Sequence[Path],
    validation: Sequence[Path],
    out: Path,
    config: VisibilityConfig,
    *,
    init: Path | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
) -> Epoch:
    """Train on the caches `train` and write the weights of the epoch that is best on `validation` -> that epoch.
    init: a head to go on from.

    Raises TrainingError for a cache that does not say what is seen.
    """
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    learned, judged = _Pictures.of(train), _Pictures.of(validation)
    network = SeenMap(width=config.width)
    if init is not None:
        network.load_state_dict(_same_width(load_visibility(init), config.width, init).state_dict())
    steps = len(learned.images) // config.batch_size
    if steps < 1:
        raise TrainingError(f"{len(learned.images)} pictures are fewer than one batch of {config.batch_size}")
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=steps * config.epochs, pct_start=0.2
    )
    best: Epoch | None = None
    for number in range(1, config.epochs + 1):
        network.train()
        order = rng.permutation(len(learned.images))
        losses = []
        for step in range(steps):
            images, seen, weight = learned.batch(order[step * config.batch_size : (step + 1) * config.batch_size])
            loss = cell_loss(network(_jittered(images)), seen, weight)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        epoch = Epoch(number, float(np.mean(losses)), _validation_loss(network, judged, config.batch_size))
        if best is None or epoch.validation_loss < best.validation_loss:
            best = epoch
            save_checkpoint(_checkpoint(network, config, epoch, train), out)
        if on_epoch is not None:
            on_epoch(epoch)
    if best is None:
        raise TrainingError(f"nothing was trained: {config.epochs} epochs")
    return best


def _same_width(head: SeenMap, width: int, source: Path) -> SeenMap:
    if head.config["width"] != width:
        raise TrainingError(f"{source}: a head of width {head.config['width']} is no start for one of width {width}")
    return head


def cell_loss(logits: Tensor, seen: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy of each cell (N, 32, 32) against the share of it that is seen, weighed: a scalar."""
    return functional.binary_cross_entropy_with_logits(logits, seen, weight, reduction="sum") / weight.sum()


def _jittered(images: Tensor) -> Tensor:
    """uint8 -> float in -1..1 with other contrast and grain: cameras differ more than portraits do."""
    gain = torch.empty(len(images), 1, 1, 1).uniform_(0.75, 1.25)
    grain = torch.empty(len(images), 1, 1, 1).uniform_(0, 0.15)
    scaled = images.float() * (1 / 127.5) - 1.0
    return (scaled * gain + grain * torch.randn_like(scaled)).clamp(-1, 1)


@torch.inference_mode()
def _validation_loss(network: SeenMap, judged: _Pictures, batch_size: int) -> float:
    network.eval()
    total, weights = 0.0, 0.0
    for start in range(0, len(judged.images), batch_size):
        images, seen, weight = judged.batch(np.arange(start, min(start + batch_size, len(judged.images))))
        share = float(weight.sum())
        total += float(cell_loss(network(images), seen, weight)) * share
        weights += share
    return total / weights


def _checkpoint(network: SeenMap, config: VisibilityConfig, epoch: Epoch, train: Sequence[Path]) -> Checkpoint:
    spec = PalsyInputSpec()
    return Checkpoint(
        task="palsy",
        network=NAME,
        config={"model": {"name": NAME, **network.config}, "training": config.to_dict()},
        labels=VISIBLE_REGIONS,
        preprocessing={"kind": "palsy", "fingerprint": spec.fingerprint(), "spec": spec.to_dict()},
        state_dict={name: value.clone() for name, value in network.state_dict().items()},
        metrics={"epoch": epoch.number, "validation_loss": epoch.validation_loss},
        training_data={"datasets": [folder.name for folder in train]},
    )


def load_visibility(path: Path) -> SeenMap:
    """The head of a checkpoint that `train_visibility` wrote. Raises TrainingError for any other file."""
    checkpoint = load_checkpoint(path)
    if (checkpoint.task, checkpoint.network) != ("palsy", NAME):
        raise TrainingError(
            f"{path}: holds {checkpoint.network} for {checkpoint.task}, not a visibility head; `htnet palsy "
            "train-visibility` writes one"
        )
    if checkpoint.preprocessing["fingerprint"] != PalsyInputSpec().fingerprint():
        raise TrainingError(f"{path}: its head reads another input than this version makes; train it again")
    network = SeenMap(width=int(checkpoint.config["model"]["width"]))
    try:
        network.load_state_dict(dict(checkpoint.state_dict))
    except RuntimeError as error:
        raise TrainingError(
            f"{path}: the weights do not fit the configuration ({str(error).splitlines()[0]})"
        ) from error
    return network.eval()
