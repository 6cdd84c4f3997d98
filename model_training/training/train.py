"""The training loop: one run from a cache to a checkpoint, stoppable at any step and exactly resumable.

Files of a run: best.pt (checkpoint of the best epoch, moving-average weights, calibrated), state.pt (everything needed
to go on), steps.jsonl and epochs.jsonl (losses and figures), config.json, tensorboard/. All are written whole or not at
all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from model_training.data.batches import BatchSource, EpochPlan, class_weights
from model_training.data.cache import Cache, open_cache
from model_training.errors import Interrupted, TrainingError
from model_training.runtime.distributed import World, join_world
from model_training.runtime.interruption import stop_on_signal
from model_training.training.checkpoint import Checkpoint, load_weights, save_checkpoint, take_weights
from model_training.training.learner import Learner
from model_training.training.optimisation import learning_rate
from model_training.training.row_split import Split, split_of
from model_training.training.run_files import STATE
from model_training.training.run_model import run_model
from model_training.training.run_state import Progress, load_state, save_state
from model_training.training.task import Outputs, Task
from model_training.training.training_log import TrainingLog

BEST = "best.pt"


@dataclass(frozen=True)
class TrainResult:
    """best: path of the checkpoint; figures: of the best epoch on the validation people."""

    best: Path
    best_epoch: int
    epochs: int
    figures: Mapping[str, float]


def train(
    task: Task,
    *,
    resume: bool = False,
    init: Sequence[Path] = (),
    say: Callable[[str], None] = print,
    show_progress: bool = False,
) -> TrainResult:
    """Train on the split that the table names. Raises TrainingError for what the user can mend, Interrupted on
    Ctrl-C."""
    data = task.config.data
    cache = open_cache(Path(data.cache), kind=task.kind)
    return fit(task, cache, split_of(cache, data), resume=resume, init=init, say=say, show_progress=show_progress)


def fit(
    task: Task, cache: Cache, split: Split, *, resume: bool = False, init: Sequence[Path] = (),
    say: Callable[[str], None] = print, show_progress: bool = False,
) -> TrainResult:  # fmt: skip
    """Train on one split of an opened cache (the loop under `train` and `crossval`)."""
    run = task.config.run
    if run.threads > 0:
        torch.set_num_threads(run.threads)
    with join_world(run.device) as world:
        return Trainer(task, cache, split, world, say=say, show_progress=show_progress).run(resume=resume, init=init)


class Trainer:
    """One run of a task on one split of a cache, as one of the processes of `world`. After `begin`: learner, progress.

    say: gets the lines for the user, in the leading process alone.
    """

    def __init__(
        self,
        task: Task,
        cache: Cache,
        split: Split,
        world: World,
        *,
        say: Callable[[str], None],
        show_progress: bool,
    ) -> None:
        self.task, self.cache, self.split, self.world = task, cache, split, world
        self.config = config = task.config
        self.say = say if world.leads else _be_quiet
        self.out = Path(config.run.out)
        o, d = config.optimisation, config.data
        labels = cache.frame["label"].to_numpy()[split.train]
        weights = class_weights(labels, power=d.balance_power) if d.class_balance != "none" else None
        self.arrays = self.task.arrays(cache, split.train)
        if d.class_balance == "loss" and weights is not None:
            self.arrays["class_weight"] = weights.astype(np.float32)
        self.plan = EpochPlan(
            samples=len(split.train),
            batch_size=o.batch_size,
            accumulate=o.accumulate,
            world=world.size,
            seed=config.run.seed,
            weights=weights if d.class_balance == "sampler" else None,
        )
        on_gpu = world.device.startswith("cuda")
        self.source = BatchSource(
            self.arrays,
            plan=self.plan,
            augment=self.task.augmenter(self.arrays),
            processes=config.run.workers or (len(os.sched_getaffinity(0)) // world.size if on_gpu else 0),
            pin=on_gpu,
        )
        self.log = TrainingLog(config.run, show_progress=show_progress and world.leads)

    def run(self, *, resume: bool = False, init: Sequence[Path] = ()) -> TrainResult:
        self.begin(resume=resume, init=init)
        if self.world.leads:
            self.log.start(
                self.config.to_dict(),
                epoch=self.progress.epoch,
                step=self.progress.step,
                steps_per_epoch=self.plan.steps,
                epochs=self.config.optimisation.epochs,
            )
        finished = False
        try:
            with stop_on_signal() as stopping:
                self._epochs(stopping)
            finished = True
        finally:
            self.log.close(finished=finished)
        return TrainResult(self.out / BEST, self.progress.best_epoch, self.progress.epoch, self.progress.best_figures)

    def begin(self, *, resume: bool = False, init: Sequence[Path] = ()) -> None:
        """The network at the first step, or where an earlier run stopped."""
        torch.manual_seed(self.config.run.seed)
        state = load_state(self.config, self.cache.fingerprint, resume=resume, say=self.say)
        model = self.task.build_model(None if state else self.arrays)
        for path in init if state is None else ():
            report = take_weights(model, load_weights(path))
            for line in report.lines():
                self.say(f"init {path}: {line}")
        self.learner = Learner(self.task, model, self.config.optimisation, self.world, state=state)
        self.progress = Progress(**state["progress"]) if state else Progress()
        if state is not None:
            self.say(f"resumed at epoch {self.progress.epoch + 1}, step {self.progress.step}")

    def _epochs(self, stopping: Callable[[], bool]) -> None:
        o, p = self.config.optimisation, self.progress
        while p.epoch < o.epochs and not self._ran_out_of_patience():
            speed, share = self._one_epoch(stopping)
            figures = self._evaluate_average(stopping)
            p.epoch, p.step = p.epoch + 1, 0
            better = figures["score"] > p.best_score
            if better:
                p.best_epoch, p.best_score, p.best_figures = p.epoch, figures["score"], figures
            mean_loss, p.loss_sum = p.loss_sum / self.plan.steps, 0.0
            if self.world.leads:
                if better:
                    self._save_best(figures)
                self.log.epoch(
                    p.epoch, {"loss": mean_loss, **figures, "images_per_second": speed, "model_share": share}
                )
                shown = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
                self.say(
                    f"epoch {p.epoch}/{o.epochs}: loss {mean_loss:.4f}, {shown}{' *' if better else ''} ({speed:.0f} "
                    f"images/s, {share:.0%} in the model)"
                )
                self._save_state()
        if p.best_epoch < 0:
            raise TrainingError("no epoch gave a finite validation score; lower optimisation.learning_rate")

    def _ran_out_of_patience(self) -> bool:
        patience, p = self.config.optimisation.patience, self.progress
        return patience > 0 and p.best_epoch > 0 and p.epoch - p.best_epoch >= patience

    def _one_epoch(self, stopping: Callable[[], bool]) -> tuple[float, float]:
        o, p, plan = self.config.optimisation, self.progress, self.plan
        first = p.step
        started = now = time.perf_counter()
        in_model = 0.0
        for micro_batches in self.source.epoch(p.epoch, first_step=first, rank=self.world.rank):
            ready = time.perf_counter()
            step_number = p.epoch * plan.steps + p.step
            rate = learning_rate(step_number, steps=o.epochs * plan.steps, steps_per_epoch=plan.steps, config=o)
            loss, parts = self.learner.step(micro_batches, rate=rate, seed=self._seed_of_step())
            self.learner.update_average()
            in_model += time.perf_counter() - ready
            if not np.isfinite(loss):
                raise TrainingError(
                    f"the loss became {loss} in epoch {p.epoch + 1}, step {p.step}; lower "
                    f"optimisation.learning_rate. {STATE} holds the last good state."
                )
            p.loss_sum += loss
            p.step += 1
            now = time.perf_counter()
            speed = plan.step_samples * (p.step - first) / (now - started)
            self.log.step(p.epoch, p.step, {"loss": loss, **parts, "learning_rate": rate}, speed=speed)
            every = self.config.run.checkpoint_steps
            if self.world.any(stopping()):
                if self.world.leads:
                    self._save_state()
                raise Interrupted(
                    f"Stopped after step {p.step} of epoch {p.epoch + 1}. Everything is saved in {self.out}; the "
                    "same command with --resume goes on."
                )
            if every and p.step % every == 0 and p.step < plan.steps and self.world.leads:
                self._save_state()
        elapsed = max(time.perf_counter() - started, 1e-9)
        return plan.step_samples * (plan.steps - first) / elapsed, in_model / elapsed

    def _seed_of_step(self) -> int:
        p = self.progress
        return hash((self.config.run.seed, p.epoch, p.step, self.world.rank)) & 0x7FFFFFFF

    def _evaluate_average(self, stopping: Callable[[], bool]) -> dict[str, float]:
        """Figures of the averaged weights on the validation people; every rank computes its share and gets all."""

        def look(_done: int, _all: int) -> None:
            # Several processes would wait for one that stops here; they stop at their next step.
            if self.world.size == 1 and stopping():
                self._save_state()
                raise Interrupted(
                    f"Stopped after epoch {self.progress.epoch + 1} was trained and before it was judged. Everything "
                    f"is saved in {self.out}; the same command with --resume goes on."
                )

        mine = self.split.validation[self.world.rank :: self.world.size]
        outputs = run_model(
            self.task,
            self.learner.average.model,
            self.cache,
            mine,
            device=self.world.device,
            batch_size=self.config.optimisation.batch_size,
            progress=look,
        )
        shares = self.world.gather((mine, outputs))
        order = np.argsort(np.concatenate([rows for rows, _ in shares]))
        self.validation_outputs: Outputs = {
            name: np.concatenate([part[name] for _, part in shares])[order] for name in outputs
        }
        return self.task.judge(self.cache.frame.iloc[np.sort(self.split.validation)], self.validation_outputs)

    def _save_best(self, figures: Mapping[str, float]) -> None:
        frame = self.cache.frame.iloc[np.sort(self.split.validation)]
        model = self.task.model_config(self.learner.model)
        save_checkpoint(
            Checkpoint(
                task=self.task.kind,
                network=model["name"],
                config={"train": self.config.to_dict(), "model": model},
                labels=self.task.labels,
                preprocessing={
                    "kind": self.cache.kind,
                    "fingerprint": self.cache.fingerprint,
                    "spec": dict(self.cache.spec),
                },
                state_dict={name: value.cpu() for name, value in self.learner.average.model.state_dict().items()},
                calibration=self.task.calibrate(frame, self.validation_outputs),
                metrics={"epoch": self.progress.epoch, "validation": dict(figures)},
                training_data=self.split.describe(self.cache.frame),
            ),
            self.out / BEST,
        )

    def _save_state(self) -> None:
        self.log.flush()
        save_state(self.config, self.cache.fingerprint, self.progress, self.learner.state_dict())


def _be_quiet(_text: str) -> None:
    """Only the leading process talks."""
