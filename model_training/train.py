"""The training loop: one run from a cache to a checkpoint, stoppable at any step and exactly resumable.

Files of a run: best.pt (checkpoint of the best epoch, moving-average weights, calibrated), state.pt (everything needed
to go on), steps.jsonl and epochs.jsonl (losses and figures), config.json, tensorboard/. All are written whole or not at
all.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from model_training.batches import BatchSource, EpochPlan, class_weights
from model_training.cache import Cache, open_cache
from model_training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    load_payload,
    save_atomically,
    save_checkpoint,
    take_weights,
)
from model_training.config import TrainConfig, as_dict
from model_training.distributed import World, join_world
from model_training.errors import Interrupted, TrainingError
from model_training.optimisation import MovingAverage, learning_rate, make_optimiser
from model_training.task import Arrays, Outputs, Task, make_task
from model_training.training_data import Rows, Split, split_of
from model_training.training_log import TrainingLog

STATE, BEST = "state.pt", "best.pt"
# May differ between the run that was interrupted and the one that goes on: they do not change what is learned.
FREE_TO_CHANGE = ("run.out", "run.device", "run.threads", "run.tensorboard", "run.checkpoint_steps")


@dataclass(frozen=True)
class TrainResult:
    """best: path of the checkpoint; figures: of the best epoch on the validation people; images_per_second and
    model_share: of the last epoch."""

    best: Path
    best_epoch: int
    epochs: int
    figures: Mapping[str, float]
    images_per_second: float
    model_share: float


@dataclass
class Progress:
    """Where a run is: the part of the state that is numbers."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = -1
    best_score: float = -float("inf")
    best_figures: dict[str, float] = field(default_factory=dict)
    loss_sum: float = 0.0


def train(
    config: TrainConfig,
    *,
    resume: bool = False,
    init: Path | None = None,
    say: Callable[[str], None] = print,
    show_progress: bool = False,
) -> TrainResult:
    """Train on the split that the table names. Raises TrainingError for what the user can mend, Interrupted on
    Ctrl-C."""
    cache = open_cache(Path(config.data.cache), kind=config.task)
    return fit(
        config, cache, split_of(cache, config.data), resume=resume, init=init, say=say, show_progress=show_progress
    )


def fit(
    config: TrainConfig, cache: Cache, split: Split, *, resume: bool = False, init: Path | None = None,
    say: Callable[[str], None] = print, show_progress: bool = False,
) -> TrainResult:  # fmt: skip
    """Train on one split of an opened cache (the loop under `train` and `crossval`)."""
    if config.run.threads > 0:
        torch.set_num_threads(config.run.threads)
    with join_world(config.run.device) as world:
        return Trainer(config, cache, split, world, say=say, show_progress=show_progress).run(resume=resume, init=init)


class Trainer:
    def __init__(
        self,
        config: TrainConfig,
        cache: Cache,
        split: Split,
        world: World,
        *,
        say: Callable[[str], None],
        show_progress: bool,
    ) -> None:
        self.config, self.cache, self.split, self.world = config, cache, split, world
        self.say = say if world.leads else _be_quiet
        self.task: Task = make_task(config)
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
            self.arrays, plan=self.plan, augment=self.task.augment, workers=4 if on_gpu else 1, pin=on_gpu
        )
        self.log = TrainingLog(
            self.out,
            tensorboard=config.run.tensorboard,
            active=world.leads,
            show_progress=show_progress and world.leads,
        )

    def run(self, *, resume: bool, init: Path | None) -> TrainResult:
        torch.manual_seed(self.config.run.seed)
        state = self._state(resume=resume)
        model = self.task.build_model(None if state else self.arrays)
        if init is not None and state is None:
            report = take_weights(model, load_checkpoint(init).state_dict)
            for line in report.lines():
                self.say(f"init {init}: {line}")
        self.model = model.to(self.world.device)
        self.optimiser = make_optimiser(self.model, self.config.optimisation)
        self.average = MovingAverage(self.model, decay=self.config.optimisation.ema_decay)
        self.progress = Progress()
        if state is not None:
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.progress = Progress(**state["progress"])
            self.say(f"resumed at epoch {self.progress.epoch + 1}, step {self.progress.step}")
        self.wrapped = self._wrap(self.model)
        if self.world.leads:
            self.log.start(
                as_dict(self.config),
                epoch=self.progress.epoch,
                step=self.progress.step,
                steps_per_epoch=self.plan.steps,
            )
        try:
            with stop_on_signal() as stopping:
                speed, share = self._epochs(stopping)
        finally:
            self.log.close()
        return TrainResult(
            self.out / BEST, self.progress.best_epoch, self.progress.epoch, self.progress.best_figures, speed, share
        )

    def _state(self, *, resume: bool) -> dict[str, Any] | None:
        path = self.out / STATE
        if not path.is_file():
            if resume:
                self.say(f"{self.out}: nothing to resume yet, starting at the first epoch")
            return None
        if not resume:
            raise TrainingError(f"{self.out}: holds a run already. Go on with --resume, or choose another run.out.")
        state = load_payload(path)
        if state.get("preprocessing") != self.cache.fingerprint:
            raise TrainingError(
                f"{path}: was trained on a cache of another preprocessing; the cache given is "
                f"{self.cache.fingerprint[:12]}"
            )
        different = [
            key for key in _differences(state["config"], as_dict(self.config)) if not key.startswith(FREE_TO_CHANGE)
        ]
        if different:
            raise TrainingError(
                f"{path}: belongs to another configuration, different in {', '.join(different)}. Choose another "
                "run.out."
            )
        return state

    def _wrap(self, model: nn.Module) -> nn.Module:
        wrapped: nn.Module = model
        if self.config.optimisation.compile:
            wrapped = torch.compile(wrapped)  # type: ignore[assignment]
        if self.world.size > 1:
            wrapped = DistributedDataParallel(wrapped, find_unused_parameters=True)
        return wrapped

    def _epochs(self, stopping: Callable[[], bool]) -> tuple[float, float]:
        o, p = self.config.optimisation, self.progress
        speed = share = 0.0
        while p.epoch < o.epochs and not self._ran_out_of_patience():
            speed, share = self._one_epoch(stopping)
            figures = self._evaluate_average()
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
        return speed, share

    def _ran_out_of_patience(self) -> bool:
        patience, p = self.config.optimisation.patience, self.progress
        return patience > 0 and p.best_epoch > 0 and p.epoch - p.best_epoch >= patience

    def _one_epoch(self, stopping: Callable[[], bool]) -> tuple[float, float]:
        o, p, plan = self.config.optimisation, self.progress, self.plan
        self.wrapped.train()
        first = p.step
        started = now = time.perf_counter()
        in_model = 0.0
        for micro_batches in self.source.epoch(p.epoch, first_step=first, rank=self.world.rank):
            ready = time.perf_counter()
            step_number = p.epoch * plan.steps + p.step
            rate = learning_rate(step_number, steps=o.epochs * plan.steps, steps_per_epoch=plan.steps, config=o)
            loss, parts = self._step(micro_batches, rate)
            self.average.update(self.model)
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

    def _step(self, micro_batches: list[dict[str, torch.Tensor]], rate: float) -> tuple[float, dict[str, float]]:
        """One optimiser step. Seeded by its own position, so that dropout after a resume is the dropout there would
        have been."""
        p, o = self.progress, self.config.optimisation
        torch.manual_seed(hash((self.config.run.seed, p.epoch, p.step, self.world.rank)) & 0x7FFFFFFF)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.world.device)
        sums: dict[str, torch.Tensor] = {}
        for number, cpu_batch in enumerate(micro_batches):
            batch = {name: values.to(self.world.device, non_blocking=True) for name, values in cpu_batch.items()}
            last = number == len(micro_batches) - 1
            quiet = nullcontext() if last or self.world.size == 1 else self.wrapped.no_sync()  # type: ignore[operator]
            with quiet:
                with self._precision():
                    outputs = self.task.forward(self.wrapped, batch)
                outputs = {name: values.float() for name, values in outputs.items()}
                loss, parts = self.task.loss(batch, outputs, batch.get("class_weight"))
                (loss / len(micro_batches)).backward()
            total += loss.detach() / len(micro_batches)
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value.detach() / len(micro_batches)
        nn.utils.clip_grad_norm_(self.model.parameters(), o.clip_norm)
        self.optimiser.step()
        return float(self.world.mean(total)), {name: float(self.world.mean(value)) for name, value in sums.items()}

    def _precision(self) -> Any:
        if self.config.optimisation.precision == "bf16":
            return torch.autocast(self.world.device.split(":")[0], dtype=torch.bfloat16)
        return nullcontext()

    def _evaluate_average(self) -> dict[str, float]:
        """Figures of the averaged weights on the validation people; every rank computes its share and gets all."""
        mine = self.split.validation[self.world.rank :: self.world.size]
        outputs = run_model(
            self.task,
            self.average.model,
            self.cache,
            mine,
            device=self.world.device,
            batch_size=self.config.optimisation.batch_size,
        )
        shares = self.world.gather((mine, outputs))
        order = np.argsort(np.concatenate([rows for rows, _ in shares]))
        self.validation_outputs: Outputs = {
            name: np.concatenate([part[name] for _, part in shares])[order] for name in outputs
        }
        return self.task.judge(self.cache.frame.iloc[np.sort(self.split.validation)], self.validation_outputs)

    def _save_best(self, figures: Mapping[str, float]) -> None:
        frame = self.cache.frame.iloc[np.sort(self.split.validation)]
        save_checkpoint(
            Checkpoint(
                task=self.task.kind,
                config={"train": as_dict(self.config), "model": self.task.model_config(self.model)},
                labels=self.task.labels,
                preprocessing={
                    "kind": self.cache.kind,
                    "fingerprint": self.cache.fingerprint,
                    "spec": dict(self.cache.spec),
                },
                state_dict={name: value.cpu() for name, value in self.average.model.state_dict().items()},
                calibration=self.task.calibrate(frame, self.validation_outputs),
                metrics={"epoch": self.progress.epoch, "validation": dict(figures)},
                training_data=self.split.describe(self.cache.frame),
            ),
            self.out / BEST,
        )

    def _save_state(self) -> None:
        self.log.flush()
        save_atomically(
            {
                "config": as_dict(self.config),
                "preprocessing": self.cache.fingerprint,
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "progress": vars(self.progress).copy(),
            },
            self.out / STATE,
        )


@torch.inference_mode()
def run_model(
    task: Task, model: nn.Module, cache: Cache, rows: Rows, *, device: str = "cpu", batch_size: int = 32
) -> Outputs:
    """What judging needs of every row, without augmentation, in the order of `rows`."""
    model.eval()
    collected: list[Outputs] = []
    for start in range(0, max(len(rows), 1), batch_size):
        arrays: Arrays = task.arrays(cache, rows[start : start + batch_size])
        batch = {name: torch.from_numpy(np.ascontiguousarray(values)).to(device) for name, values in arrays.items()}
        collected.append(task.collect(task.forward(model, batch)))
    return {name: np.concatenate([part[name] for part in collected]) for name in collected[0]}


@contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM ask the loop to stop at the end of its step; a second Ctrl-C interrupts at once."""
    received: list[int] = []

    def handler(number: int, _frame: object) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt

    try:
        before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: signals arrive elsewhere
        before = {}
    try:
        yield lambda: bool(received)
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _be_quiet(_text: str) -> None:
    """Only the leading process talks."""


def _differences(there: Mapping[str, Any], here: Mapping[str, Any], prefix: str = "") -> list[str]:
    names = []
    for key in sorted({*there, *here}):
        a, b = there.get(key), here.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            names += _differences(a, b, f"{prefix}{key}.")
        elif a != b:
            names.append(prefix + key)
    return names
