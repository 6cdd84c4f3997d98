"""Several workers: one that dies, hangs or cannot start is tried again, and the others serve on meanwhile.

By hand, because uvicorn's own supervisor ends the service when one worker cannot start, replaces a dying worker without
a pause, and asks a hung worker for a minute before it looks at the others.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import wait
from socket import socket
from types import FrameType

from uvicorn.config import STARTUP_FAILURE

from service.server.worker import GuardedConfig, run_worker

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
# A worker that served and no longer answers is hung. One that never answered is still importing its libraries, which
# takes long on a busy machine: killing it for that would start the same wait again, without end.
HUNG_AFTER_S = 60.0
START_WITHIN_S = 600.0
# After so long at work a worker's earlier deaths are forgotten.
SETTLED_AFTER_S = 60.0
PAUSE_MAX_S = 60.0
# Deaths in a row of every worker, with none at work, after which somebody else must look.
GIVE_UP_AFTER = 5
# On top of the drain and of the time for running requests.
_STOP_MARGIN_S = 10.0


class WorkerProcess:
    """A worker as its supervisor sees it."""

    def __init__(self, config: GuardedConfig, sockets: list[socket]) -> None:
        # spawn: a forked process would share the threads' locks and the libraries' state.
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(target=run_worker, args=(config, sockets, theirs))
        self.started_at = time.monotonic()
        self.ready_at: float | None = None
        self._asked_at: float | None = None
        self._has_answered = False
        self.process.start()
        theirs.close()

    def look(self) -> None:
        """Read its answer if there is one, and ask again."""
        try:
            while self._pipe.poll(0):
                serves = self._pipe.recv()
                self._asked_at = None
                self._has_answered = True
                if serves and self.ready_at is None:
                    self.ready_at = time.monotonic()
            if self._asked_at is None:
                self._pipe.send(None)
                self._asked_at = time.monotonic()
        except (OSError, EOFError):
            return  # it has ended, as its exit code will say

    @property
    def is_hung(self) -> bool:
        """Whether it runs and does nothing."""
        now = time.monotonic()
        if not self._has_answered:
            return now - self.started_at > START_WITHIN_S
        return self._asked_at is not None and now - self._asked_at > HUNG_AFTER_S

    def end(self) -> int | None:
        """Kill it if it still runs; its exit code."""
        self.process.kill()
        self.process.join()
        self._pipe.close()
        return self.process.exitcode


@dataclass(slots=True)
class Place:
    """Where a worker belongs. failures: its deaths in a row; start_at: when the next one starts."""

    worker: WorkerProcess | None = None
    failures: int = 0
    start_at: float = 0.0


class Supervisor:
    """Keeps the wanted number of workers at work until a signal ends it."""

    def __init__(self, config: GuardedConfig, sockets: list[socket], *, on_death: Callable[[int], None]) -> None:
        """on_death: called with the process id of each worker that has ended."""
        self._config = config
        self._sockets = sockets
        self._on_death = on_death
        self._places = [Place() for _ in range(config.workers)]
        self._has_served = False
        self._cannot_start = False
        self._signals: list[int] = []

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; SIGHUP goes to every worker. Returns the exit status: 0, or STARTUP_FAILURE
        when nothing works."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._hear)
        while not self._is_told_to_stop():
            for index, place in enumerate(self._places):
                # The first worker goes ahead: what stops it would stop them all, and is said once.
                if index == 0 or self._has_served:
                    self._look_after(place)
            if self._cannot_start or self._nothing_works():
                self._stop()
                return STARTUP_FAILURE
            wait([worker.process.sentinel for worker in self._workers()], LOOK_EVERY_S)
        self._stop()
        return 0

    def _look_after(self, place: Place) -> None:
        worker, now = place.worker, time.monotonic()
        if worker is None:
            if now >= place.start_at:
                place.worker = WorkerProcess(self._config, self._sockets)
            return
        worker.look()
        if worker.ready_at is not None:
            self._has_served = True
            if now - worker.ready_at > SETTLED_AFTER_S:
                place.failures = 0
        if not worker.process.is_alive() or worker.is_hung:
            self._replace(place, worker)

    def _replace(self, place: Place, worker: WorkerProcess) -> None:
        code = worker.end()
        place.worker = None
        self._on_death(worker.process.pid or 0)
        if code == STARTUP_FAILURE and not self._has_served:
            self._cannot_start = True  # it has said why
            return
        pause_s = pause_after(place.failures)
        place.failures += 1
        place.start_at = time.monotonic() + pause_s
        what = "could not start" if worker.ready_at is None else "died"
        logger.error(
            "worker %s (exit code %s) and is replaced in %g s; the others serve on", what, code, pause_s,
            extra={"worker_pid": worker.process.pid},
        )  # fmt: skip

    def _nothing_works(self) -> bool:
        if any(worker.ready_at is not None for worker in self._workers()):
            return False
        wanted = self._places if self._has_served else self._places[:1]
        if any(place.failures < GIVE_UP_AFTER for place in wanted):
            return False
        logger.critical("no worker can start after %d tries of each: the service ends", GIVE_UP_AFTER)
        return True

    def _stop(self) -> None:
        for worker in self._workers():
            worker.process.terminate()
        deadline = time.monotonic() + self._config.drain_s + (self._config.timeout_graceful_shutdown or 0)
        self._signals.clear()
        for worker in self._workers():
            while worker.process.is_alive() and time.monotonic() < deadline + _STOP_MARGIN_S:
                worker.process.join(LOOK_EVERY_S)
                if self._is_told_to_stop():  # again: at once
                    self._signals.clear()
                    for other in self._workers():
                        other.process.terminate()
            worker.end()

    def _workers(self) -> list[WorkerProcess]:
        return [place.worker for place in self._places if place.worker is not None]

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    def _is_told_to_stop(self) -> bool:
        if signal.SIGHUP in self._signals:
            self._signals = [number for number in self._signals if number != signal.SIGHUP]
            logger.info("SIGHUP: the workers read keys and certificate again")
            for worker in self._workers():
                # One that still starts reads the files anyway, and does not listen yet.
                if worker.ready_at is not None and worker.process.is_alive() and worker.process.pid is not None:
                    os.kill(worker.process.pid, signal.SIGHUP)
        return bool(self._signals)


def pause_after(failures: int) -> float:
    """Seconds before the next try after so many earlier deaths in a row: 0, 1, 2, 4, ... up to PAUSE_MAX_S."""
    return 0.0 if failures == 0 else float(min(2 ** (failures - 1), PAUSE_MAX_S))
