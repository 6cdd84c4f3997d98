"""What a run leaves to read: one JSON line a step and an epoch, TensorBoard, and a progress bar with the throughput."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from face.whole_file import write_text


class TrainingLog:
    """Steps and epochs count from 1 in the files. After a resume, lines beyond the resumed position are dropped: they
    will be written again."""

    def __init__(self, out: Path, *, tensorboard: bool, active: bool, show_progress: bool) -> None:
        self.out, self.active = out, active
        self.tensorboard, self.show_progress = tensorboard, show_progress
        self._steps: TextIO | None = None
        self._epochs: TextIO | None = None
        self._writer: Any = None
        self._progress: Progress | None = None
        self._bar: TaskID | None = None
        self._steps_per_epoch = 1

    def start(self, config: Mapping[str, Any], *, epoch: int, step: int, steps_per_epoch: int) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        self._steps_per_epoch = steps_per_epoch
        write_text(json.dumps(config, indent=2), self.out / "config.json")
        self._steps = self._reopen("steps.jsonl", lambda line: (line["epoch"] - 1, line["step"]) <= (epoch, step))
        self._epochs = self._reopen("epochs.jsonl", lambda line: line["epoch"] <= epoch)
        if self.tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.out / "tensorboard"), purge_step=epoch * steps_per_epoch + step + 1)
        console = Console(stderr=True)
        if self.show_progress and console.is_terminal:
            self._progress = Progress(
                TextColumn("epoch {task.fields[epoch]}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("loss {task.fields[loss]:.4f}  {task.fields[speed]:.1f} images/s"),
                console=console,
                transient=True,
            )
            self._bar = self._progress.add_task(
                "train", total=steps_per_epoch, completed=step, epoch=epoch + 1, loss=float("nan"), speed=0.0
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
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"step/{name}", value, epoch * self._steps_per_epoch + step)
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, completed=step, epoch=epoch + 1, loss=values["loss"], speed=speed)

    def epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """epoch from 1."""
        if self._epochs is None:
            return
        self._epochs.write(json.dumps({"epoch": epoch, **values}) + "\n")
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"epoch/{name}", value, epoch * self._steps_per_epoch)
        self.flush()

    def flush(self) -> None:
        for stream in (self._steps, self._epochs):
            if stream is not None:
                stream.flush()

    def close(self) -> None:
        for stream in (self._steps, self._epochs):
            if stream is not None:
                stream.close()
        if self._writer is not None:
            self._writer.close()
        if self._progress is not None:
            self._progress.stop()
        self._steps = self._epochs = self._writer = self._progress = None
