"""Cross-validation by person: everything is judged once, by a model that never saw its person.

Each fold is a run of its own in run.out/fold_XX, resumable like any other. The epoch is chosen, and the calibration
fitted, on people of the fold's training side, never on its test people.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path

import numpy as np
import psutil

from face.whole_file import whole_file, write_text
from model_training.data.cache import Cache, open_cache
from model_training.datasets.reading.splits import person_folds, stratified_groups
from model_training.errors import Interrupted, TrainingError
from model_training.judging.evaluated import Evaluated
from model_training.judging.fold import Fold
from model_training.runtime.interruption import children_ignore_ctrl_c
from model_training.runtime.shard import Shard
from model_training.runtime.worker_pool import spawned_workers
from model_training.tasks import judge_folds, make_task
from model_training.training.checkpoint import load_checkpoint
from model_training.training.config import TrainConfig
from model_training.training.row_split import Split, check_split, selected
from model_training.training.run_files import STATE, keep_plan
from model_training.training.run_model import run_model
from model_training.training.train import fit

DONE = "fold.json"
# Configuration of the fold's run, its test people, share of the others that validate.
FoldTask = tuple[TrainConfig, list[str], float]


def cross_validate(
    config: TrainConfig,
    *,
    folds: int,
    jobs: int = 1,
    validation: float = 0.15,
    shard: Shard | None = None,
    say: Callable[[str], None] = print,
    progress: Callable[[int, int], object] | None = None,
) -> Evaluated | None:
    """folds=0 leaves one person out at a time. Writes run.out/report like `evaluate`. shard: train only its folds, and
    None comes back; a call without a shard judges all. progress: called with (folds done, all that were left).

    Raises TrainingError for too few people, or a run.out that holds folds of another configuration.
    """
    cache = open_cache(Path(config.data.cache), kind=config.task)
    out = Path(config.run.out)
    people = people_of_folds(config, cache, folds=folds, validation=validation)
    _check_same_plan(out, config, folds, validation)
    tasks: list[FoldTask] = [
        (config.changed(run=config.run.changed(out=str(out / f"fold_{n:02d}"))), test, validation)
        for n, test in enumerate(people)
    ]
    mine = tasks if shard is None else shard.of(tasks)
    todo = [task for task in mine if not (Path(task[0].run.out) / DONE).is_file()]
    say(f"{len(mine)} folds, {len(mine) - len(todo)} finished already")
    jobs = min(_jobs_that_fit(jobs, cache, say), len(todo))
    done = 0

    def finished_fold(line: str) -> None:
        nonlocal done
        done += 1
        say(line)
        if progress is not None:
            progress(done, len(todo))

    try:
        if jobs > 1:
            _run_side_by_side(todo, jobs, finished_fold)
        else:
            for task in todo:
                finished_fold(run_fold(*task))
    except (KeyboardInterrupt, Interrupted):
        finished = sum((Path(task[0].run.out) / DONE).is_file() for task in tasks)
        raise Interrupted(
            f"Stopped. {finished} of {len(people)} folds are finished, the others are saved in {out} as far as they "
            "came; the same command goes on."
        ) from None
    if shard is not None:
        return None
    return judge_folds(config, cache, [Fold.read(Path(task[0].run.out)) for task in tasks], out / "report")


def people_of_folds(config: TrainConfig, cache: Cache, *, folds: int, validation: float) -> list[list[str]]:
    """The people that each fold is judged on. Raises TrainingError as `cross_validate`."""
    if folds == 1 or folds < 0:
        raise TrainingError(f"--folds must be 0 (leave one person out) or at least 2, got {folds}")
    if not 0 < validation < 1:
        raise TrainingError(f"--validation must lie between 0 and 1, got {validation}")
    return person_folds(cache.frame[selected(cache.frame, config.data)], folds=folds, seed=config.run.seed)


def _run_side_by_side(todo: list[FoldTask], jobs: int, say: Callable[[str], None]) -> None:
    """`jobs` folds at a time, a process each; when one fails or Ctrl-C comes, the others save themselves and stop."""
    waiting, running = list(todo), set[Future[str]]()
    with spawned_workers(jobs) as pool:
        while waiting or running:
            while waiting and len(running) < jobs:  # no fold may wait inside the pool, it could not be called back
                with children_ignore_ctrl_c():
                    running.add(pool.submit(run_fold, *waiting.pop(0)))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for fold in done:
                say(fold.result())


def run_fold(config: TrainConfig, judged_people: list[str], validation: float) -> str:
    """Train and judge one fold; its test outputs go to fold.npz, the marker fold.json comes last."""
    out = Path(config.run.out)
    cache = open_cache(Path(config.data.cache), kind=config.task)
    keep = selected(cache.frame, config.data)
    testing = cache.frame["person_id"].isin(judged_people).to_numpy() & keep
    rest = cache.frame[keep & ~testing]
    groups = stratified_groups(
        rest["person_id"].to_numpy(object),
        rest["label"].to_numpy(),
        shares={"train": 1 - validation, "validation": validation},
        seed=config.run.seed,
    )
    group = cache.frame["person_id"].map(groups).to_numpy()
    split = Split(
        np.flatnonzero(keep & ~testing & (group == "train")), np.flatnonzero(keep & ~testing & (group == "validation"))
    )
    check_split(cache.frame, split, labels=config.data.labels, source=out.name)
    task = make_task(config)
    result = fit(task, cache, split, resume=(out / STATE).is_file(), say=_say_nothing)
    network = task.build_model(None)
    network.load_state_dict(dict(load_checkpoint(result.best).state_dict))
    rows = np.flatnonzero(testing)
    outputs = run_model(task, network, cache, rows)
    with whole_file(out / "fold.npz") as temporary:
        np.savez(temporary, allow_pickle=False, rows=rows, **outputs)
    write_text(json.dumps({"test_people": judged_people, "figures": dict(result.figures)}), out / DONE)
    return f"{out.name}: {len(judged_people)} test people, best epoch {result.best_epoch} of {result.epochs}"


def _check_same_plan(out: Path, config: TrainConfig, folds: int, validation: float) -> None:
    plan = {"crossval": {"folds": folds, "validation": validation}, **config.to_dict()}
    keep_plan(out / "crossval.json", plan, holds="folds", cure="choose another run.out")


def _jobs_that_fit(jobs: int, cache: Cache, say: Callable[[str], None]) -> int:
    """As many folds at once as memory holds: each needs its training arrays and about 1 GB for the network and its
    activations."""
    if jobs < 1:
        raise TrainingError(f"--jobs must be at least 1, got {jobs}")
    each = sum(array.nbytes for array in cache.arrays.values()) + 1_000_000_000
    fitting = max(1, int(psutil.virtual_memory().available // each))
    if fitting < jobs:
        say(f"memory holds {fitting} fold(s) at a time, not {jobs}")
    return min(jobs, fitting)


def _say_nothing(_text: str) -> None:
    """Folds report once, when they are finished."""
