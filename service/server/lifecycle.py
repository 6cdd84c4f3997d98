"""Start and stop: on SIGTERM not ready at once, running requests finish, then the process ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from socket import socket
from types import FrameType
from typing import Literal

from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.server import Server
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from service.audit.store import AuditUnavailable
from service.observability.json_logging import configure_logging
from service.security.api_keys import KeyFileError
from service.server.protocol import GuardedLoop, guarded_protocol

logger = logging.getLogger(__name__)

_STARTING_PING_S = 0.2
_START_GRACE_S = 600.0


class GuardedConfig(Config):
    """uvicorn's configuration and our limits; pickled into each worker."""

    drain_s: float = 0.0
    head_timeout_s: float = 5.0
    head_max_bytes: int = 32_768
    connections_max: int = 512
    answer_timeout_s: float = 15.0
    service_log_level: str = "info"
    service_log_style: Literal["json", "text"] = "json"

    def get_loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop]:
        """uvloop with our limit on TLS handshakes: the time that a head has."""

        def make_loop() -> asyncio.AbstractEventLoop:
            loop = GuardedLoop()
            loop.handshake_timeout_s = self.head_timeout_s
            return loop

        return make_loop

    def load(self) -> None:
        """Load the app, in the worker, with our logging and our protocol (a worker starts as a fresh interpreter)."""
        configure_logging(level=self.service_log_level, style=self.service_log_style)
        try:
            super().load()
        except (KeyFileError, AuditUnavailable) as error:
            logger.critical("the service cannot start: %s", error)
            sys.exit(STARTUP_FAILURE)
        self.http_protocol_class = guarded_protocol(
            head_timeout_s=self.head_timeout_s,
            head_max_bytes=self.head_max_bytes,
            connections_max=self.connections_max,
            answer_timeout_s=self.answer_timeout_s,
        )


class DrainingServer(Server):
    """A worker whose readiness falls at the signal, while it still takes requests for ``drain_s``.

    A load balancer needs that time to notice; closing the socket at once would cost requests on their way.
    """

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: not ready, and exit after the drain. Second signal: exit now."""
        lifespan = getattr(self, "lifespan", None)
        drain = lifespan.state.get("drain") if lifespan is not None else None
        drain_s = getattr(self.config, "drain_s", 0.0)
        if drain is None or drain.started or drain_s <= 0:
            if drain is not None:
                drain.start()
            super().handle_exit(sig, frame)
            return
        drain.start()
        timer = threading.Timer(drain_s, super().handle_exit, args=(sig, frame))
        timer.daemon = True
        timer.start()


class GuardedProcess(Process):
    """A worker process with our server, which does not outlive its supervisor.

    One that answered before and no longer does is hung. One that never answered is still importing its libraries, which
    takes long on a busy machine: killing it for that would start the same wait again, without end.
    """

    has_answered = False
    started_at = 0.0

    def start(self) -> None:
        """Start, and look at the clock."""
        self.started_at = time.monotonic()
        super().start()

    def is_alive(self, timeout: float = 5) -> bool:
        """Whether the process runs and answers, or may still be starting."""
        if not self.process.is_alive():
            return False
        # Answers to earlier questions would make a hung worker look alive.
        while self.parent_conn.poll(0):
            self.parent_conn.recv()
            self.has_answered = True
        if self.ping(timeout if self.has_answered else _STARTING_PING_S):
            self.has_answered = True
            return True
        return not self.has_answered and time.monotonic() - self.started_at < _START_GRACE_S

    def ping(self, timeout: float = 5) -> bool:
        """Whether the process answers in time. One that ends meanwhile is not waited for."""
        try:
            self.parent_conn.send(b"ping")
            if self.parent_conn not in wait([self.parent_conn, self.process.sentinel], timeout):
                return False
            self.parent_conn.recv()
        except (OSError, EOFError):
            return False
        return True

    def target(self, sockets: list[socket] | None = None) -> None:
        """Run in the worker."""
        supervisor = os.getppid()
        threading.Thread(target=_end_with_supervisor, args=(supervisor,), daemon=True).start()
        super().target(sockets)

    @property
    def server(self) -> Server:
        """Our server instead of uvicorn's."""
        if self._server is None:
            self._server = DrainingServer(config=self.config)
        return self._server


class Supervisor(Multiprocess):
    """Keeps the wanted number of workers alive: one that died or hangs is replaced."""

    failed = False

    def init_processes(self) -> None:
        """Start the first workers."""
        for _ in range(self.processes_num):
            self.processes.append(self._start())

    def keep_subprocess_alive(self) -> None:
        """Replace every worker that died or does not answer; stop if a worker cannot even start."""
        for index, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if process.is_alive(timeout=self.config.timeout_worker_healthcheck):
                continue
            process.kill()
            process.join()
            if process.exitcode == STARTUP_FAILURE:
                logger.error("worker %s could not start: stopping", process.pid)
                self.failed = True
                self.should_exit.set()
                return
            logger.warning("worker died and is replaced", extra={"worker_pid": process.pid})
            self.processes[index] = self._start()

    # The number of workers is a setting and keys reload by themselves: these signals would start unguarded workers.
    def handle_hup(self) -> None:
        """Nothing."""

    def handle_ttin(self) -> None:
        """Nothing."""

    def handle_ttou(self) -> None:
        """Nothing."""

    def _start(self) -> GuardedProcess:
        process = GuardedProcess(self.config, self.sockets)
        process.start()
        return process


def _end_with_supervisor(supervisor: int) -> None:
    # A supervisor that was killed cannot tell its workers; they would keep the port.
    stopped = threading.Event()
    while not stopped.wait(1.0):
        if os.getppid() != supervisor:
            os.kill(os.getpid(), signal.SIGTERM)
            return
