"""A demonstration's steps: each is the command that a user would type, in a process of its own. What is finished is
noted, so that the demonstration goes on where it was stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from face.whole_file import write_text
from model_training.command_messages import INTERRUPTED
from model_training.errors import Interrupted, TrainingError

STEPS, SUMMARY = "steps.json", "demo.json"
# A terminal sends Ctrl-C to every process of a command; one that has not ended by then did not hear of it.
HEARD_S = 3.0
ENDED_S = 10.0


class TypedSteps:
    """seconds: how long each has taken, by name. say: gets every command before it runs."""

    def __init__(self, out: Path, *, settings: Mapping[str, object], say: Callable[[str], None]) -> None:
        """out: the demonstration's folder; one that was stopped with the same settings goes on. Raises TrainingError
        where it holds anything else."""
        self.say = say
        self.seconds: dict[str, float] = {}
        self._notes = out / STEPS
        # As JSON brings them back.
        self._settings = json.loads(json.dumps(settings))
        if out.exists():
            self._take_up(out)
        else:
            self._note()

    def _take_up(self, out: Path) -> None:
        if not self._notes.is_file() or (out / SUMMARY).is_file():
            raise TrainingError(f"{out}: exists already; delete it or choose another --out")
        noted = json.loads(self._notes.read_text(encoding="utf-8"))
        if noted["settings"] != self._settings:
            raise TrainingError(
                f"{out}: holds a demonstration that was stopped and had other settings; repeat them, delete it, or "
                "choose another --out"
            )
        self.seconds = noted["seconds"]
        self.say(f"{out}: goes on where it was stopped; finished: {', '.join(self.seconds) or 'nothing'}")

    def _note(self) -> None:
        write_text(json.dumps({"settings": self._settings, "seconds": self.seconds}, indent=2), self._notes)

    def run(self, command: str, *arguments: object, **options: object) -> None:
        """A command of htnet; its name among the seconds is the last word. Raises TrainingError when it fails,
        Interrupted on Ctrl-C."""
        name = command.split()[-1]
        if name in self.seconds:
            return
        words = [*command.split(), *map(str, arguments), *as_flags(options)]
        self.say(" ".join(["$ htnet", *words]))
        with self.timed(name):
            status = _status_of([sys.executable, "-m", "htnet", *words])
            if status == INTERRUPTED:
                raise Interrupted("The same `demo` command goes on from there.")
            if status != 0:
                raise TrainingError(f"`htnet {command}` failed with status {status}; its message is above")

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 1)
        self._note()

    @property
    def total_seconds(self) -> float:
        return round(sum(self.seconds.values()), 1)


def _status_of(command: list[str]) -> int:
    """Exit status of a command. After Ctrl-C it has HEARD_S to keep what it has, then it is told, and has ENDED_S."""
    process = subprocess.Popen(command)
    try:
        return process.wait()
    except KeyboardInterrupt:
        with suppress(subprocess.TimeoutExpired):
            process.wait(HEARD_S)
        with suppress(subprocess.TimeoutExpired):
            process.send_signal(signal.SIGINT)  # nothing happens where it has ended
            process.wait(ENDED_S)
        return INTERRUPTED
    finally:
        process.kill()


def told_seconds(seconds: Mapping[str, float]) -> str:
    times = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.items())
    return f"{times}; {sum(seconds.values()):.0f} s in all"


def as_flags(options: Mapping[str, object]) -> list[str]:
    """{"jobs": 2, "resume": True, "int8": False, "set": ["a=1", "b=2"]} as a command line; False is --no-NAME, None is
    left out, a list repeats."""
    flags: list[str] = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if value is None:
            continue
        if isinstance(value, bool):
            flags.append(f"--{flag}" if value else f"--no-{flag}")
            continue
        for item in value if isinstance(value, list) else [value]:
            flags += [f"--{flag}", str(item)]
    return flags
