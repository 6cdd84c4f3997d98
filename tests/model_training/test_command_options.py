"""The progress bar: on a terminal only, and what is said beside it goes where stdout goes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

PROGRAM = """
from model_training.command_options import progress_bar
with progress_bar("photographs", total=3) as bar:
    for number in range(3):
        bar.say(f"line {number}")
        bar.advance()
    bar.say("an aside", err=True)
"""
LINES = "line 0\nline 1\nline 2\n"


def test_without_a_terminal_there_are_the_lines_alone() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == LINES
    assert done.stderr == "an aside\n"


def test_on_a_terminal_the_bar_does_not_take_the_lines_of_a_file() -> None:
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            env={**os.environ, "TERM": "xterm"},
            check=True,
        )
        shown = os.read(ours, 1_000_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.stdout == LINES
    assert "photographs" in shown
    assert "3/3" in shown
    assert "an aside" in shown
