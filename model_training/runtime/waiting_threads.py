"""What torch's threads do while they wait for each other."""

from __future__ import annotations

import os


def let_waiting_threads_sleep() -> None:
    """They would spin: where anything else wants one of the cores, training slows down to a fifth. Read when torch is
    loaded, so it must be called before."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
