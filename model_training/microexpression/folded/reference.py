"""The reference model: an ensemble of small HTNets trained on simulated flow alone, calibrated on simulated people it
has not seen.

A checkpoint is the dictionary that model_training.training.checkpoint reads; weights have a leading member axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from face.microexpression.spec import MicroExpressionSpec
from face.vocabulary import EMOTIONS
from model_training.errors import TrainingError
from model_training.metrics.reliability import expected_calibration_error
from model_training.metrics.temperature import temperature_of_probabilities, tempered
from model_training.microexpression.folded.interim import KeptEnsemble
from model_training.microexpression.folded.network import one_fold
from model_training.microexpression.folded.training import TrainingConfig, Weights, predict, train_folded
from model_training.microexpression.published_flow import FlowImages
from model_training.training.checkpoint import CHECKPOINT_FORMAT, FOLDED_ENSEMBLE, StoredCheckpoint, load_checkpoint

VALIDATION_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class SimulatedSet:
    """images (N, 28, 28, 3) uint8, labels (N,), people (N,)."""

    images: np.ndarray
    labels: np.ndarray
    people: np.ndarray


def load_simulated(paths: list[Path]) -> SimulatedSet:
    """The files of `htnet simulate microexpressions`. People of several files are told apart by file."""
    images, labels, people = [], [], []
    for number, path in enumerate(sorted(paths)):
        try:
            with np.load(path, allow_pickle=False) as stored:
                images.append(stored["flow"])
                labels.append(stored["label"].astype(np.int64))
                people.append(stored["person"].astype(np.int64) + number * 1_000_000)
        except (OSError, ValueError, KeyError) as error:
            raise TrainingError(f"{path}: not a file of `htnet simulate microexpressions` ({error})") from error
    if not images:
        raise TrainingError("no simulated flow files given; make them with `htnet simulate microexpressions`")
    return SimulatedSet(np.concatenate(images), np.concatenate(labels), np.concatenate(people))


def as_tensor(images: np.ndarray) -> torch.Tensor:
    """(N, 28, 28, 3) -> (N, 3, 28, 28) uint8 tensor."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def train_reference(
    config: TrainingConfig,
    simulated: SimulatedSet,
    *,
    members: int,
    seed: int,
    spec: MicroExpressionSpec,
    progress: Callable[[int, float], object] | None = None,
    kept: KeptEnsemble | None = None,
) -> StoredCheckpoint:
    """Train `members` networks at once -> the checkpoint. One simulated person in ten is kept out for the
    temperature. progress: called with the epoch and the accuracy of one network on the people kept out. kept: goes on
    where an earlier call stood."""
    people = np.unique(simulated.people)
    others = np.random.default_rng(seed).permutation(people)[: max(1, int(len(people) * VALIDATION_SHARE))]
    held = np.isin(simulated.people, others)
    images, labels = as_tensor(simulated.images), torch.from_numpy(simulated.labels)
    train = torch.from_numpy(np.flatnonzero(~held))

    def report(epoch: int, weights: Weights) -> None:
        if progress is not None:
            answers = predict(config, one_fold(weights, 0), images[held])[0].numpy().argmax(-1)
            progress(epoch, float((answers == simulated.labels[held]).mean()))

    weights = train_folded(
        config,
        images[train],
        labels[train],
        torch.ones(members, len(train)),
        seed=seed,
        on_epoch=report,
        interim=kept.interim() if kept else None,
        keep=kept.keep if kept else None,
    )
    mean = predict(config, weights, images[held]).numpy().mean(0)
    temperature = temperature_of_probabilities(mean, simulated.labels[held])
    return {
        "format": CHECKPOINT_FORMAT,
        "task": "microexpression",
        "network": FOLDED_ENSEMBLE,
        "labels": list(EMOTIONS),
        "config": config.to_dict(),
        "preprocessing": {"spec": spec.to_dict(), "fingerprint": spec.fingerprint()},
        "state_dict": weights,
        "calibration": {
            "temperature": temperature,
            "simulated_validation_people": len(others),
            "simulated_validation_accuracy": float((mean.argmax(1) == simulated.labels[held]).mean()),
            "ece_before": expected_calibration_error(mean, simulated.labels[held]),
            "ece_after": expected_calibration_error(tempered(mean, temperature), simulated.labels[held]),
        },
        "training_data": {
            "kind": "simulation",
            "images": len(train),
            "people": len(people) - len(others),
            "seed": seed,
        },
    }


def fine_tune_on_all(
    config: TrainingConfig,
    checkpoint: StoredCheckpoint,
    data: FlowImages,
    *,
    seed: int,
    on_epoch: Callable[[int, Weights], None] | None = None,
    kept: KeptEnsemble | None = None,
) -> StoredCheckpoint:
    """Every member trained on with ALL real clips: for those who hold the data. No clip is left to measure it on; LOSO
    with the same configuration is its estimate. The result carries the data's licence. on_epoch: as in train_folded.
    kept: as in `train_reference`."""
    members = len(checkpoint["state_dict"]["embed.w"])
    weights = train_folded(
        config,
        as_tensor(data.images),
        torch.from_numpy(data.labels),
        torch.ones(members, len(data)),
        seed=seed,
        initial=checkpoint["state_dict"],
        on_epoch=on_epoch,
        interim=kept.interim() if kept else None,
        keep=kept.keep if kept else None,
    )
    return {
        **checkpoint,
        "config": config.to_dict(),
        "state_dict": weights,
        "training_data": {
            "kind": "fine-tuned",
            "clips": len(data),
            "subjects": len(data.subject_names),
            "before": checkpoint["training_data"],
        },
    }


def load_reference(path: Path) -> StoredCheckpoint:
    """A checkpoint of `htnet microexpression reference`. TrainingError if it is none."""
    loaded = load_checkpoint(path)
    if loaded.network != FOLDED_ENSEMBLE:
        raise TrainingError(
            f"{path}: holds {loaded.network} for {loaded.task}; needed is an ensemble of `htnet microexpression "
            "reference`"
        )
    lacking = [name for name in ("calibration", "training_data") if not getattr(loaded, name)]
    if lacking:
        raise TrainingError(f"{path}: the checkpoint lacks {', '.join(lacking)}")
    return loaded.stored()
