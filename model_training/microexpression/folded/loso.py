"""Leave-one-subject-out, all folds together, with three ways of choosing the epoch that are always reported side by
side.

(a) paper: the epoch that is best on the TEST subject, as in the published HTNet code. It is a leak: shuffled labels
reach UF1 .66 with it.
(b) final: the last epoch, fixed beforehand. This is the honest figure.
(c) held out: the epoch, and of several configurations the one, with the lowest loss on training subjects that were
kept out of training; a run of its own, since it trains on less. Tuning is thus nested: no test subject has a say.

The work is cut into chunks of folds; each finished chunk is a file, so that a stopped run goes on where it was, and
several processes share the chunks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from face.whole_file import whole_file
from model_training.errors import Interrupted, TrainingError
from model_training.microexpression.folded.network import one_fold
from model_training.microexpression.folded.reference import load_reference
from model_training.microexpression.folded.training import TrainingConfig, Weights, predict, train_folded
from model_training.microexpression.published_flow import FlowImages, load_flow
from model_training.runtime.interruption import children_ignore_ctrl_c
from model_training.runtime.shard import Shard
from model_training.runtime.worker_pool import spawned_workers

PROTOCOLS = {
    "a": "best epoch chosen on the test subject (the paper's protocol, leaks)",
    "b": "fixed final epoch",
    "c": "epoch and configuration chosen on held-out training subjects",
}
HELD_OUT_SHARE = 0.15


@dataclass(frozen=True)
class LosoRun:
    """What one LOSO is. `held_out`: keep training subjects out for protocol (c). `shuffle`: labels permuted within the
    whole set, the control. `initial`: checkpoint file of pretrained members to start from, '' for none."""

    config: TrainingConfig
    seed: int
    held_out: bool = False
    shuffle: bool = False
    initial: str = ""
    folds_per_chunk: int = 17

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


@dataclass(frozen=True, eq=False)
class LosoResult:
    """probabilities (E, N, classes): of each image by the network that has not seen its subject, after each epoch.
    validation_loss (E, folds): of the held-out subjects, NaN without them. labels: what was trained on (permuted for
    the control)."""

    probabilities: np.ndarray
    validation_loss: np.ndarray
    labels: np.ndarray


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


def fit_chunk(data: FlowImages, run: LosoRun, folds: list[int]) -> dict[str, np.ndarray]:
    """Train these folds at once -> probabilities (E, N, classes) with NaN where an image is not tested here, and
    validation_loss (E, len(folds))."""
    subject = data.subject_index()
    labels = labels_of(data, run)
    images = torch.from_numpy(np.ascontiguousarray(data.images.transpose(0, 3, 1, 2)))
    held_out = np.stack(
        [held_out_subjects(subject, fold, run.seed) if run.held_out else np.zeros(len(data), bool) for fold in folds]
    )
    weight = torch.from_numpy(((subject[None] != np.array(folds)[:, None]) & ~held_out).astype(np.float32))
    epochs, classes = run.config.epochs, run.config.model.num_classes
    probabilities = np.full((epochs, len(data), classes), np.nan, np.float32)
    losses = np.full((epochs, len(folds)), np.nan, np.float32)
    tests = [np.flatnonzero(subject == fold) for fold in folds]
    longest = max(map(len, tests))
    # Padded with a subject's last image, so that all folds are tested in one pass.
    padded = images[torch.from_numpy(np.stack([np.pad(test, (0, longest - len(test)), mode="edge") for test in tests]))]

    def test(epoch: int, weights: Weights) -> None:
        answers = predict(run.config, weights, padded).numpy()
        for position, chosen in enumerate(tests):
            probabilities[epoch - 1, chosen] = answers[position, : len(chosen)]
            if run.held_out:
                kept = np.flatnonzero(held_out[position])
                known = predict(run.config, one_fold(weights, position), images[kept])[0].numpy()
                losses[epoch - 1, position] = -np.log(
                    np.maximum(known[np.arange(len(kept)), labels[kept]], 1e-9)
                ).mean()

    initial = None
    if run.initial:
        stored = load_reference(Path(run.initial))
        members = len(stored["state_dict"]["embed.w"])
        chosen_member = one_fold(stored["state_dict"], run.seed % members)
        initial = {name: value.expand(len(folds), *value.shape[1:]).clone() for name, value in chosen_member.items()}
    seed = run.seed * 1000 + folds[0]
    train_folded(run.config, images, torch.tensor(labels), weight, seed=seed, initial=initial, on_epoch=test)
    return {"probabilities": probabilities, "validation_loss": losses}


def _fit_to_file(source: str, run: LosoRun, folds: list[int], target: str) -> str:
    torch.set_num_threads(1)
    result = fit_chunk(load_flow(Path(source)), run, folds)
    with whole_file(Path(target)) as temporary:
        np.savez(temporary, allow_pickle=False, **result)
    return target


def run_loso(
    source: Path,
    run: LosoRun,
    *,
    out: Path,
    processes: int = 1,
    shard: Shard | None = None,
    progress: Callable[[str], None] | None = None,
    on_chunk: Callable[[int, int], object] | None = None,
) -> LosoResult | None:
    """One LOSO; finished chunks under `out` are kept and taken up again. progress gets a line a chunk, on_chunk (chunks
    done, all), the kept ones first. shard: fit only its chunks; None comes back unless all are there by then. Raises
    TrainingError on unusable data, Interrupted on Ctrl-C."""
    data = load_flow(source)
    names = data.subject_names
    if len(names) < 2:
        raise TrainingError(f"{source}: leave-one-subject-out needs at least two subjects, found {len(names)}")
    if len(data.class_names) != run.config.model.num_classes:
        raise TrainingError(
            f"{source}: has {len(data.class_names)} classes ({', '.join(data.class_names)}), "
            "the configuration says model.num_classes = "
            f"{run.config.model.num_classes}"
        )
    folder = out / f"{run.name()}_{run.fingerprint(data)}"
    folder.mkdir(parents=True, exist_ok=True)
    chunks = [
        list(range(first, min(first + run.folds_per_chunk, len(names))))
        for first in range(0, len(names), run.folds_per_chunk)
    ]
    files = [folder / f"folds_{chunk[0]:03d}.npz" for chunk in chunks]
    mine = list(zip(chunks, files, strict=True))
    missing = [(chunk, file) for chunk, file in (shard.of(mine) if shard else mine) if not file.is_file()]
    say = progress or (lambda _: None)
    kept = sum(file.is_file() for file in files)
    say(f"{run.name()}: {kept} of {len(chunks)} chunks are done")
    count = on_chunk or (lambda _done, _all: None)
    count(kept, len(chunks))

    def finished(number: int) -> None:
        say(f"{run.name()}: chunk {number} of {len(missing)}")
        count(kept + number, len(chunks))

    try:
        if processes <= 1:
            for number, (chunk, file) in enumerate(missing, start=1):
                _fit_to_file(str(source), run, chunk, str(file))
                finished(number)
        elif missing:
            with spawned_workers(min(processes, len(missing))) as pool:
                with children_ignore_ctrl_c():
                    futures = [pool.submit(_fit_to_file, str(source), run, chunk, str(file)) for chunk, file in missing]
                for number, future in enumerate(as_completed(futures), start=1):
                    future.result()
                    finished(number)
    except KeyboardInterrupt:
        done = sum(file.is_file() for file in files)
        raise Interrupted(
            f"Stopped. {done} of {len(files)} chunks of {run.name()} are finished and kept in {folder}; the same "
            "command goes on from there."
        ) from None
    if shard is not None and not all(file.is_file() for file in files):
        return None
    probabilities = np.full((run.config.epochs, len(data), run.config.model.num_classes), np.nan, np.float32)
    losses = []
    for file in files:
        with np.load(file) as stored:
            found = np.isfinite(stored["probabilities"])
            probabilities[found] = stored["probabilities"][found]
            losses.append(stored["validation_loss"])
    if not np.isfinite(probabilities).all():
        raise TrainingError(f"{folder}: some images were never tested; delete the folder and run again")
    return LosoResult(
        probabilities=probabilities, validation_loss=np.concatenate(losses, axis=1), labels=labels_of(data, run)
    )


def run_all(
    source: Path,
    runs: Sequence[LosoRun],
    *,
    out: Path,
    processes: int = 1,
    shard: Shard | None = None,
    progress: Callable[[str], None] | None = None,
    on_chunk: Callable[[int, int], object] | None = None,
) -> list[LosoResult | None]:
    """One `run_loso` after the other, of whose chunks altogether a shard does its share. on_chunk: of all runs."""
    data = load_flow(source)
    chunks = [run.chunks(data) for run in runs]
    results = []
    for number, run in enumerate(runs):
        before = sum(chunks[:number])

        def count(done: int, _all: int, before: int = before) -> None:
            if on_chunk is not None:
                on_chunk(before + done, sum(chunks))

        share = shard.after(before) if shard else None
        results.append(
            run_loso(source, run, out=out, processes=processes, shard=share, progress=progress, on_chunk=count)
        )
    return results


def choose(result: LosoResult, subject: np.ndarray, protocol: str) -> np.ndarray:
    """Probabilities (N, classes) under a protocol. For (a), among equally good epochs the last, as in the published
    code."""
    probabilities, labels = result.probabilities, result.labels
    if protocol == "b":
        return np.asarray(probabilities[-1])
    chosen: np.ndarray = np.empty_like(probabilities[-1])
    for fold in range(subject.max() + 1):
        mask = subject == fold
        if protocol == "a":
            right = (probabilities[:, mask].argmax(-1) == labels[mask]).mean(1)
            epoch = len(right) - 1 - int(right[::-1].argmax())
        else:
            raise ValueError(f"protocol must be 'a' or 'b', got {protocol!r}; for (c) see choose_held_out")
        chosen[mask] = probabilities[epoch][mask]
    return chosen


def choose_held_out(results: Sequence[LosoResult], subject: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Protocol (c): runs of several configurations with the same seed -> probabilities (N, classes) and the chosen
    configuration's number for each subject, (S,)."""
    if any(np.isnan(result.validation_loss).any() for result in results):
        raise ValueError("protocol (c) needs runs with held_out=True")
    chosen = np.empty_like(results[0].probabilities[-1])
    winners = np.zeros(subject.max() + 1, np.int64)
    for fold in range(len(winners)):
        mask = subject == fold
        losses = [result.validation_loss[:, fold] for result in results]
        winners[fold] = int(np.argmin([loss.min() for loss in losses]))
        chosen[mask] = results[winners[fold]].probabilities[losses[winners[fold]].argmin()][mask]
    return chosen, winners
