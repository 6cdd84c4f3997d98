"""Caches of hidden faces -> a visibility head: one file that export puts beside a grader."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
from model_training.palsy.trained_parts import Lesson, TrainedParts
from model_training.palsy.visibility.network import NAME, SeenMap
from model_training.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

PART = "visibility"
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
    parts: TrainedParts,
    *,
    init: Path | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
    progress: Callable[[int, int], object] = lambda _, __: None,
) -> Epoch:
    """Train on the caches `train` and write the weights of the epoch that is best on `validation` -> that epoch.
    parts: what goes on where it was stopped. init: a head to go on from. progress: is called with (steps done, all).

    Raises TrainingError for a cache that does not say what is seen, Interrupted as `TrainedParts.learn`.
    """
    torch.manual_seed(config.seed)
    network = SeenMap(width=config.width)
    if init is not None:
        network.load_state_dict(_same_width(load_visibility(init), config.width, init).state_dict())
    if parts.take(PART, network):
        return _written(out)
    learned, judged = _Pictures.of(train), _Pictures.of(validation)
    steps = len(learned.images) // config.batch_size
    if steps < 1:
        raise TrainingError(f"{len(learned.images)} pictures are fewer than one batch of {config.batch_size}")

    def loss(rows: npt.NDArray[np.intp]) -> Tensor:
        images, seen, weight = learned.batch(rows)
        return cell_loss(network(_jittered(images)), seen, weight)

    def judge(number: int, train_loss: float) -> None:
        epoch = Epoch(number, train_loss, _validation_loss(network, judged, config.batch_size))
        if number == 1 or epoch.validation_loss < _written(out).validation_loss:
            save_checkpoint(_checkpoint(network, config, epoch, train), out)
        if on_epoch is not None:
            on_epoch(epoch)

    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=steps * config.epochs, pct_start=0.2
    )
    lesson = Lesson(
        network=network,
        optimiser=optimiser,
        schedule=schedule,
        loss=loss,
        steps=_batches(len(learned.images), config),
        epoch=steps,
        judge=judge,
    )
    done = 0

    def stepped(count: int) -> None:
        nonlocal done
        done += count
        progress(done, steps * config.epochs)

    parts.learn(PART, lesson, stepped=stepped)
    return _written(out)


def _batches(count: int, config: VisibilityConfig) -> Iterator[npt.NDArray[np.intp]]:
    rng, size = np.random.default_rng(config.seed), config.batch_size
    for _ in range(config.epochs):
        order = rng.permutation(count)
        for step in range(count // size):
            yield order[step * size : (step + 1) * size]


def _written(out: Path) -> Epoch:
    """The best epoch so far. Raises TrainingError where its file is not there any more."""
    stored = load_checkpoint(out).metrics
    return Epoch(int(stored["epoch"]), float(stored["train_loss"]), float(stored["validation_loss"]))


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
        metrics={"epoch": epoch.number, "train_loss": epoch.train_loss, "validation_loss": epoch.validation_loss},
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
