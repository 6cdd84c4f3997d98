"""Some folds of a leave-one-subject-out, trained at once.

What becomes of a fold does not depend on the others that are trained beside it, but for rounding.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from model_training.errors import TrainingError
from model_training.microexpression.folded.interim import load_interim, save_interim
from model_training.microexpression.folded.network import init_weights, one_fold
from model_training.microexpression.folded.reference import load_reference
from model_training.microexpression.folded.training import Interim, TrainingConfig, Weights, predict, train_folded
from model_training.microexpression.published_flow import FlowImages

HELD_OUT_SHARE = 0.15
FOLDS_PER_CHUNK = 17
# The least; of many large networks a state takes long to write, and longer apart are they.
SECONDS_BETWEEN_STATES = 30.0
STATES_SHARE = 0.05


@dataclass(frozen=True)
class LosoRun:
    """What one LOSO is. `held_out`: keep training subjects out for protocol (c). `shuffle`: labels permuted within the
    whole set, the control. `initial`: checkpoint file of pretrained members to start from, '' for none. device: where;
    the folder of a run is the same for all."""

    config: TrainingConfig
    seed: int
    held_out: bool = False
    shuffle: bool = False
    initial: str = ""
    folds_per_chunk: int = FOLDS_PER_CHUNK
    device: str = "cpu"

    def fingerprint(self, data: FlowImages) -> str:
        """Of everything that decides the result: configuration, seed, control, data and initial weights."""
        digest = hashlib.sha256()
        plain = {
            "config": self.config.to_dict(),
            "seed": self.seed,
            "held_out": self.held_out,
            "shuffle": self.shuffle,
            "chunk": self.folds_per_chunk,
        }
        digest.update(json.dumps(plain, sort_keys=True).encode())
        digest.update(data.images.tobytes())
        digest.update(data.labels.tobytes())
        digest.update("|".join(data.subjects.tolist()).encode())
        if self.initial:
            digest.update(Path(self.initial).read_bytes())
        return digest.hexdigest()[:16]

    def chunks(self, data: FlowImages) -> int:
        return -(-len(data.subject_names) // self.folds_per_chunk)

    def name(self) -> str:
        return f"seed{self.seed}{'_heldout' if self.held_out else ''}{'_shuffled' if self.shuffle else ''}"


def adapted(
    config: TrainingConfig, data: FlowImages, *, precision: Literal["float32", "bf16"] | None = None
) -> TrainingConfig:
    """The configuration with as many classes as the data has, where it does not say how many itself, and with another
    precision where one is given."""
    if "num_classes" not in config.model.model_fields_set:
        config = config.changed(model=config.model.changed(num_classes=len(data.class_names)))
    return config if precision is None else config.changed(precision=precision)


def folds_in_a_chunk(wanted: int | None, data: FlowImages, *, device: str) -> int:
    """wanted, or what suits the device."""
    return wanted or (FOLDS_PER_CHUNK if device == "cpu" else len(data.subject_names))


def labels_of(data: FlowImages, run: LosoRun) -> np.ndarray:
    return np.random.default_rng(run.seed).permutation(data.labels) if run.shuffle else data.labels


def held_out_subjects(subject: np.ndarray, fold: int, seed: int) -> np.ndarray:
    """(N,) bool: whole subjects other than the test subject, drawn until HELD_OUT_SHARE of the clips is reached."""
    rng = np.random.default_rng([seed, fold])
    chosen = np.zeros(len(subject), bool)
    for other in rng.permutation([name for name in range(subject.max() + 1) if name != fold]):
        chosen |= subject == other
        if chosen.sum() >= HELD_OUT_SHARE * len(subject):
            break
    return chosen


def fit_chunk(
    data: FlowImages,
    run: LosoRun,
    folds: list[int],
    *,
    on_epoch: Callable[[int], object] | None = None,
    state: Path | None = None,
) -> dict[str, np.ndarray]:
    """Train these folds at once -> probabilities (E, N, classes) with NaN where an image is not tested here, and
    validation_loss (E, len(folds)). state: a file that is gone on from, and written now and then."""
    subject = data.subject_index()
    labels = labels_of(data, run)
    images = torch.from_numpy(np.ascontiguousarray(data.images.transpose(0, 3, 1, 2))).to(run.device)
    held_out = np.stack(
        [held_out_subjects(subject, fold, run.seed) if run.held_out else np.zeros(len(data), bool) for fold in folds]
    )
    weight = torch.from_numpy(((subject[None] != np.array(folds)[:, None]) & ~held_out).astype(np.float32))
    epochs, classes = run.config.epochs, run.config.model.num_classes
    probabilities = np.full((epochs, len(data), classes), np.nan, np.float32)
    losses = np.full((epochs, len(folds)), np.nan, np.float32)
    tests = [np.flatnonzero(subject == fold) for fold in folds]
    kept = [np.flatnonzero(rows) for rows in held_out]
    padded, padded_kept = _side_by_side(images, tests), _side_by_side(images, kept) if run.held_out else None

    def test(epoch: int, weights: Weights) -> None:
        answers = predict(run.config, weights, padded).cpu().numpy()
        for position, chosen in enumerate(tests):
            probabilities[epoch - 1, chosen] = answers[position, : len(chosen)]
        if padded_kept is not None:
            known = predict(run.config, weights, padded_kept).cpu().numpy()
            for position, chosen in enumerate(kept):
                right = known[position, np.arange(len(chosen)), labels[chosen]]
                losses[epoch - 1, position] = -np.log(np.maximum(right, 1e-9)).mean()
        if on_epoch is not None:
            on_epoch(epoch)

    interim: Interim | None = None
    if state is not None and state.is_file():
        interim = load_interim(state, probabilities, losses)
    saved, apart = time.monotonic(), SECONDS_BETWEEN_STATES

    def keep(make: Callable[[], Interim]) -> None:
        nonlocal saved, apart
        began = time.monotonic()
        if state is not None and began - saved > apart:
            save_interim(make(), probabilities, losses, state)
            saved = time.monotonic()
            apart = max(SECONDS_BETWEEN_STATES, (saved - began) / STATES_SHARE)

    try:
        train_folded(
            run.config,
            images,
            torch.tensor(labels),
            weight,
            seed=run.seed,
            fold_seeds=[(run.seed + 1) * 100_003 + fold for fold in folds],
            initial=_start(run, len(folds)) if run.initial else None,
            on_epoch=test,
            device=run.device,
            interim=interim,
            keep=keep,
        )
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"{len(folds)} folds at once need more memory than {run.device} has; give --folds-at-once "
            f"{max(len(folds) // 2, 1)}, or model.dim smaller"
        ) from error
    return {"probabilities": probabilities, "validation_loss": losses}


def _side_by_side(images: torch.Tensor, rows: list[np.ndarray]) -> torch.Tensor:
    """(f, longest, 3, 28, 28): each fold's images, padded with its last one, so that all folds answer in one pass."""
    longest = max(map(len, rows))
    return images[torch.from_numpy(np.stack([np.pad(each, (0, longest - len(each)), mode="edge") for each in rows]))]


def _start(run: LosoRun, folds: int) -> Weights:
    """One member of the checkpoint, for every fold. Raises TrainingError where it is another network."""
    stored = load_reference(Path(run.initial))["state_dict"]
    member = one_fold(stored, run.seed % len(stored["embed.w"]))
    fresh = init_weights(run.config.model, 1, torch.Generator())
    wrong = [name for name in fresh if name not in member or member[name].shape != fresh[name].shape]
    if wrong or len(member) != len(fresh):
        raise TrainingError(
            f"{run.initial}: is another network than [training.model] says ({', '.join(wrong[:3]) or 'other blocks'}); "
            "dim, heads, block_repeats, position and the number of classes must be the checkpoint's"
        )
    return {name: value.expand(folds, *value.shape[1:]).clone() for name, value in member.items()}
