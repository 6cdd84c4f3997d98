"""What a run leaves to read: one JSON line a step and an epoch, its trackers, and a progress bar with the time left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from face.whole_file import write_text
from model_training.command_options import SPEED_FROM_SECONDS
from model_training.training.config import RunConfig
from model_training.training.trackers import Tracker, open_trackers


class TrainingLog:
    """Steps and epochs count from 1 in the files. After a resume, lines beyond the resumed position are dropped: they
    will be written again."""

    def __init__(self, run: RunConfig, *, show_progress: bool) -> None:
        self.run, self.out, self.show_progress = run, Path(run.out), show_progress
        self._steps: TextIO | None = None
        self._epochs: TextIO | None = None
        self._trackers: list[Tracker] = []
        self._progress: Progress | None = None
        self._bar: TaskID | None = None
        self._steps_per_epoch = 1

    def start(self, config: Mapping[str, Any], *, epoch: int, step: int, steps_per_epoch: int, epochs: int) -> None:
        """epoch, step: where the run stands. Raises TrainingError for a tracker that cannot be used."""
        self.out.mkdir(parents=True, exist_ok=True)
        self._steps_per_epoch = steps_per_epoch
        done = epoch * steps_per_epoch + step
        self._trackers = open_trackers(self.run, config, out=self.out, first_step=done + 1)
        write_text(json.dumps(config, indent=2), self.out / "config.json")
        self._steps = self._reopen("steps.jsonl", lambda line: (line["epoch"] - 1, line["step"]) <= (epoch, step))
        self._epochs = self._reopen("epochs.jsonl", lambda line: line["epoch"] <= epoch)
        console = Console(stderr=True)
        if self.show_progress and console.is_terminal:
            self._progress = Progress(
                TextColumn("epoch {task.fields[epoch]}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("left  loss {task.fields[loss]:.4f}  {task.fields[speed]:.1f} images/s"),
                console=console,
                transient=True,
                speed_estimate_period=SPEED_FROM_SECONDS,
            )
            self._bar = self._progress.add_task(
                "train", total=epochs * steps_per_epoch, completed=done, epoch=epoch + 1, loss=float("nan"), speed=0.0
            )
            self._progress.start()

    def _reopen(self, name: str, keep: Any) -> TextIO:
        path = self.out / name
        kept = []
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    if keep(json.loads(line)):
                        kept.append(line)
                except ValueError:
                    break  # the line that was being written when the process was killed
        write_text("".join(line + "\n" for line in kept), path)
        return path.open("a", encoding="utf-8")

    def step(self, epoch: int, step: int, values: Mapping[str, float], *, speed: float) -> None:
        """epoch from 0, step from 1."""
        if self._steps is None:
            return
        self._steps.write(json.dumps({"epoch": epoch + 1, "step": step, **values}) + "\n")
        done = epoch * self._steps_per_epoch + step
        for tracker in self._trackers:
            tracker.scalars(done, {f"step/{name}": value for name, value in values.items()})
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, completed=done, epoch=epoch + 1, loss=values["loss"], speed=speed)

    def epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """epoch from 1."""
        if self._epochs is None:
            return
        self._epochs.write(json.dumps({"epoch": epoch, **values}) + "\n")
        for tracker in self._trackers:
            tracker.scalars(epoch * self._steps_per_epoch, {f"epoch/{name}": value for name, value in values.items()})
        self.flush()

    def flush(self) -> None:
        for stream in (self._steps, self._epochs):
            if stream is not None:
                stream.flush()
        for tracker in self._trackers:
            tracker.flush()

    def close(self, *, finished: bool) -> None:
        for stream in (self._steps, self._epochs):
            if stream is not None:
                stream.close()
        for tracker in self._trackers:
            tracker.close(finished=finished)
        if self._progress is not None:
            self._progress.stop()
        self._trackers = []
        self._steps = self._epochs = self._progress = None
