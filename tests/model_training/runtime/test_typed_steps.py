"""A demonstration's steps: noted when they are finished, stopped by Ctrl-C as a whole, taken up again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from model_training.errors import TrainingError
from model_training.runtime import typed_steps
from model_training.runtime.typed_steps import SUMMARY, TypedSteps, as_flags

PEOPLE = 24
# As a demonstration does it: two steps, the first in two worker processes.
STEPS = """
import signal
from pathlib import Path
from model_training.command_messages import errors_as_messages
from model_training.runtime import typed_steps
from model_training.runtime.typed_steps import TypedSteps

# Tests that run in the background hear of no Ctrl-C, and nor would this.
signal.signal(signal.SIGINT, signal.default_int_handler)
out = Path({out!r})
typed_steps.HEARD_S = {heard_s}
with errors_as_messages():
    steps = TypedSteps(out, settings={{}}, say=lambda line: print(line, flush=True))
    steps.run(
        "simulate renders", out=out / "simulated", identities={people}, images_per_identity=2, size=160, seed=0,
        processes=2,
    )
    steps.run("data prepare", "fnp", "--help")
"""


def start(out: Path, said: Path, *, heard_s: float = typed_steps.HEARD_S) -> subprocess.Popen[bytes]:
    """In a process group of its own, as a shell starts a command in a terminal."""
    script = textwrap.dedent(STEPS.format(out=str(out), people=PEOPLE, heard_s=heard_s))
    with said.open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, "-c", script], stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        )


def finished(out: Path) -> int:
    return len(list((out / "simulated/parts").glob("p*.json")))


@pytest.mark.parametrize("heard_by_all", [True, False], ids=["terminal", "kill -INT"])
def test_ctrl_c_ends_every_process_and_the_same_command_goes_on(tmp_path: Path, heard_by_all: bool) -> None:
    out, said = tmp_path / "out", tmp_path / "said.txt"
    # Where only the parent hears of it the step goes on until it is told: not so long that it could end by itself.
    process = start(out, said, heard_s=typed_steps.HEARD_S if heard_by_all else 0.1)
    until = time.monotonic() + 120
    while finished(out) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 3, "the command and its two workers"
    if heard_by_all:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []
    text = said.read_text()
    assert "Traceback" not in text
    stopped = [line for line in text.splitlines() if "goes on from there" in line]
    assert len(stopped) == 2, "what the step keeps, and that the demonstration goes on"
    kept = finished(out)
    assert 2 <= kept < PEOPLE

    process = start(out, said)
    assert process.wait(300) == 0, said.read_text()
    assert "goes on where it was stopped; finished: nothing" in said.read_text()
    assert finished(out) == PEOPLE
    assert start(out, said).wait(120) == 0
    assert said.read_text().splitlines() == [f"{out}: goes on where it was stopped; finished: renders, prepare"]


def test_what_is_there_and_is_no_stopped_demonstration_of_these_settings_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    TypedSteps(out, settings={"seed": 0, "percents": (2.0, 3.0)}, say=print)
    TypedSteps(out, settings={"seed": 0, "percents": (2.0, 3.0)}, say=print)
    with pytest.raises(TrainingError, match="had other settings"):
        TypedSteps(out, settings={"seed": 1, "percents": (2.0, 3.0)}, say=print)
    (out / SUMMARY).write_text("{}")
    with pytest.raises(TrainingError, match="exists already"):
        TypedSteps(out, settings={"seed": 0, "percents": (2.0, 3.0)}, say=print)
    (tmp_path / "pictures").mkdir()
    with pytest.raises(TrainingError, match="exists already"):
        TypedSteps(tmp_path / "pictures", settings={}, say=print)


def test_a_step_that_fails_is_no_finished_step(tmp_path: Path) -> None:
    steps = TypedSteps(tmp_path / "out", settings={}, say=print)
    with pytest.raises(TrainingError, match="`htnet data cache` failed with status 1"):
        steps.run("data cache", tmp_path / "no-table", out=tmp_path / "cache")
    assert steps.seconds == {}


def test_options_become_flags() -> None:
    options = {"jobs": 2, "resume": True, "int8": False, "left_out": None, "set": ["a=1", "b=2"]}
    assert as_flags(options) == ["--jobs", "2", "--resume", "--no-int8", "--set", "a=1", "--set", "b=2"]
