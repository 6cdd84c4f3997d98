"""The networks of a training, one after the other, on disk: each that is trained, and the one that learns, so that the
training can be stopped at any step and goes on as if nothing had happened. For networks too small for `training.train`.

FOLDER/NAME.pt      a network that is trained
FOLDER/state.pt     the one that learns: weights, optimiser, schedule, random numbers
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from model_training.errors import Interrupted
from model_training.runtime.interruption import stop_on_signal
from model_training.training.checkpoint import load_payload, save_atomically
from model_training.training.run_files import STATE

# Epochs of a small network are shorter than writing a file is worth.
SECONDS_BETWEEN_STATES = 5.0

Rows = npt.NDArray[np.intp]


@dataclass
class Lesson:
    """How one network learns. loss: of the rows of a step. steps: the rows of each. epoch: steps of an epoch. random:
    the generator that `loss` draws from, beside torch's own. judge: is called with the number of an epoch, from 1, and
    the mean loss of its steps."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    loss: Callable[[Rows], Tensor]
    steps: Iterator[Rows]
    epoch: int
    random: np.random.Generator | None = None
    judge: Callable[[int, float], object] | None = None

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "torch_random": torch.get_rng_state(),
            "random": self.random.bit_generator.state if self.random is not None else None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["torch_random"])
        if self.random is not None:
            self.random.bit_generator.state = state["random"]

    def step(self, rows: Rows) -> float:
        """The loss before the step."""
        loss = self.loss(rows)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.schedule.step()
        return float(loss.detach())


@dataclass
class _Place:
    """Where a network stands: steps done, epochs judged, sum of the losses since."""

    part: str
    step: int = 0
    judged: int = 0
    losses: float = 0.0


class TrainedParts:
    """The folder of one training, of one plan (`run_files.training_folder`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def take(self, name: str, network: nn.Module) -> bool:
        """Give the network the weights that it had when it was trained, and torch the random numbers; False where it is
        not trained yet. Raises TrainingError for a damaged file."""
        path = self.folder / f"{name}.pt"
        if not path.is_file():
            return False
        trained = load_payload(path)
        network.load_state_dict(trained["network"])
        torch.set_rng_state(trained["torch_random"])
        return True

    def learn(self, name: str, lesson: Lesson, *, stepped: Callable[[int], object] = lambda _: None) -> None:
        """Train to the last step. stepped: is called with how many steps were done. Raises Interrupted on Ctrl-C, after
        the step that runs."""
        place = self._go_on(name, lesson)
        stepped(place.step)
        steps = islice(lesson.steps, place.step, None)
        saved = time.monotonic()
        while True:
            if lesson.judge is not None and place.step // lesson.epoch > place.judged:
                self._save(place, lesson)  # judging can be interrupted
                lesson.judge(place.judged + 1, place.losses / lesson.epoch)
                place.judged, place.losses = place.judged + 1, 0.0
            if not self._one_epoch(place, lesson, steps, stepped):
                break
            if time.monotonic() - saved > SECONDS_BETWEEN_STATES:
                self._save(place, lesson)
                saved = time.monotonic()
        state = lesson.state_dict()
        save_atomically({key: state[key] for key in ("network", "torch_random")}, self.folder / f"{name}.pt")
        (self.folder / STATE).unlink(missing_ok=True)

    def _one_epoch(
        self, place: _Place, lesson: Lesson, steps: Iterator[Rows], stepped: Callable[[int], object]
    ) -> bool:
        """To the end of the epoch that was begun; False where no step was left."""
        before = place.step
        lesson.network.train()
        with stop_on_signal() as stopping:
            for rows in islice(steps, lesson.epoch - place.step % lesson.epoch):
                place.losses += lesson.step(rows)
                place.step += 1
                stepped(1)
                if stopping():
                    self._save(place, lesson)
                    raise Interrupted(f"Stopped after step {place.step} of {place.part}. {self.how_to_go_on()}")
        return place.step > before

    def how_to_go_on(self) -> str:
        return f"Everything is saved in {self.folder}; the same command with --resume goes on."

    def _go_on(self, name: str, lesson: Lesson) -> _Place:
        """A state of another part is of one that is trained since."""
        path = self.folder / STATE
        state = load_payload(path) if path.is_file() else {}
        if state.get("place", {}).get("part") != name:
            return _Place(name)
        lesson.load_state_dict(state["lesson"])
        return _Place(**state["place"])

    def _save(self, place: _Place, lesson: Lesson) -> None:
        save_atomically({"place": asdict(place), "lesson": lesson.state_dict()}, self.folder / STATE)
