"""Leave-one-subject-out, all folds together, with three ways of choosing the epoch that are always reported side by
side.

(a) paper: the epoch that is best on the TEST subject, as in the published HTNet code. It is a leak: shuffled labels
reach UF1 .66 with it.
(b) final: the last epoch, fixed beforehand. This is the honest figure.
(c) held out: the epoch, and of several configurations the one, with the lowest loss on training subjects that were
kept out of training; a run of its own, since it trains on less. Tuning is thus nested: no test subject has a say.

The work is cut into chunks of folds; each finished chunk is a file, so that a stopped run goes on where it was, and
several processes share the chunks. On a GPU one chunk holds all folds. A chunk that takes long leaves its state every
half minute, or as much less often as writing it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from face.whole_file import whole_file
from model_training.errors import Interrupted, TrainingError
from model_training.microexpression.folded.fold_chunk import LosoRun, fit_chunk, labels_of
from model_training.microexpression.published_flow import load_flow
from model_training.runtime.interruption import children_ignore_ctrl_c
from model_training.runtime.shard import Shard
from model_training.runtime.worker_pool import spawned_workers

PROTOCOLS = {
    "a": "best epoch chosen on the test subject (the paper's protocol, leaks)",
    "b": "fixed final epoch",
    "c": "epoch and configuration chosen on held-out training subjects",
}


@dataclass(frozen=True, eq=False)
class LosoResult:
    """probabilities (E, N, classes): of each image by the network that has not seen its subject, after each epoch.
    validation_loss (E, folds): of the held-out subjects, NaN without them. labels: what was trained on (permuted for
    the control)."""

    probabilities: np.ndarray
    validation_loss: np.ndarray
    labels: np.ndarray


def _fit_to_file(
    source: str, run: LosoRun, folds: list[int], target: str, on_epoch: Callable[[int], object] | None = None
) -> str:
    torch.set_num_threads(1)
    # Random numbers of a GPU are others: where the device changes, a chunk begins anew.
    state = Path(target).with_suffix(f".{torch.device(run.device).type}.state.pt")
    result = fit_chunk(load_flow(Path(source)), run, folds, on_epoch=on_epoch, state=state)
    with whole_file(Path(target)) as temporary:
        np.savez(temporary, allow_pickle=False, **result)
    state.unlink(missing_ok=True)
    return target


def run_loso(
    source: Path,
    run: LosoRun,
    *,
    out: Path,
    processes: int = 1,
    shard: Shard | None = None,
    progress: Callable[[str], None] | None = None,
    on_chunk: Callable[[float, int], object] | None = None,
) -> LosoResult | None:
    """One LOSO; finished chunks under `out` are kept and taken up again. shard: fit only its chunks; None comes back
    unless all are there by then.

    progress gets a line a chunk; on_chunk (chunks done, all), the kept ones first and, in one process, parts of a chunk
    after each epoch. Raises TrainingError on unusable data, Interrupted on Ctrl-C.
    """
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

    def epoch_done(number: int, epoch: int) -> None:
        count(kept + number - 1 + epoch / run.config.epochs, len(chunks))

    def finished(number: int) -> None:
        say(f"{run.name()}: chunk {number} of {len(missing)}")
        count(kept + number, len(chunks))

    try:
        if processes <= 1:
            for number, (chunk, file) in enumerate(missing, start=1):
                _fit_to_file(str(source), run, chunk, str(file), partial(epoch_done, number))
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
        begun = ", and within the one that was begun" if any(folder.glob("*.state.pt")) else ""
        raise Interrupted(
            f"Stopped. {done} of {len(files)} chunks of {run.name()} are finished and kept in {folder}; the same "
            f"command goes on from there{begun}."
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
    on_chunk: Callable[[float, int], object] | None = None,
) -> list[LosoResult | None]:
    """One `run_loso` after the other, of whose chunks altogether a shard does its share. on_chunk: of all runs."""
    data = load_flow(source)
    chunks = [run.chunks(data) for run in runs]
    results = []
    for number, run in enumerate(runs):
        before = sum(chunks[:number])

        def count(done: float, _all: int, before: int = before) -> None:
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
