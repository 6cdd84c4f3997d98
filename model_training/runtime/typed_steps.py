"""A demonstration's steps: each is the command that a user would type, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from model_training.errors import TrainingError


class TypedSteps:
    """seconds: how long each has taken, by name. say: gets every command before it runs."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.seconds: dict[str, float] = {}

    def run(self, command: str, *arguments: object, **options: object) -> None:
        """A command of htnet; its name among the seconds is the last word. Raises TrainingError when it fails."""
        words = [*command.split(), *map(str, arguments), *as_flags(options)]
        self.say(" ".join(["$ htnet", *words]))
        with self.timed(command.split()[-1]):
            done = subprocess.run([sys.executable, "-m", "htnet", *words], check=False)
        if done.returncode != 0:
            raise TrainingError(f"`htnet {command}` failed with status {done.returncode}; its message is above")

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 1)

    @property
    def total_seconds(self) -> float:
        return round(sum(self.seconds.values()), 1)


def told_seconds(seconds: Mapping[str, float]) -> str:
    times = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.items())
    return f"{times}; {sum(seconds.values()):.0f} s in all"


def as_flags(options: Mapping[str, object]) -> list[str]:
    """{"jobs": 2, "int8": False, "set": ["a=1", "b=2"]} as a command line; False is --no-NAME, a list repeats."""
    flags: list[str] = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if value is False:
            flags.append(f"--no-{flag}")
            continue
        for item in value if isinstance(value, list) else [value]:
            flags += [f"--{flag}", str(item)]
    return flags
