"""One process that serves: how it starts, what it does at a signal, how it stops."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from socket import socket
from types import FrameType
from typing import TYPE_CHECKING, Literal

from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.lifespan.on import LifespanOn
from uvicorn.server import Server

from service.observability.json_logging import configure_logging
from service.observability.multiprocess import take_room
from service.server.certificate import Certificate
from service.server.limits import Limits
from service.server.protocol import GuardedLoop, guarded_protocol

if TYPE_CHECKING:  # the supervisor, which shares this file, needs none of what the operations import
    from service.operations import Operations

logger = logging.getLogger(__name__)

# uvicorn's loop calls on_tick ten times a second.
_TICKS_PER_SECOND = 10
_NO_LOG = logging.Logger("start", level=logging.CRITICAL + 1)


class GuardedConfig(Config):
    """uvicorn's configuration and our limits; pickled into each worker."""

    drain_s: float = 0.0
    limits: Limits = Limits()
    service_log_level: str = "info"
    service_log_style: Literal["json", "text"] = "json"

    def get_loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop]:
        """uvloop with our limit on TLS handshakes: the time that a head has."""

        def make_loop() -> asyncio.AbstractEventLoop:
            loop = GuardedLoop()
            loop.handshake_timeout_s = self.limits.head_timeout_s
            return loop

        return make_loop

    def load(self) -> None:
        """Load the app, in the worker, with our logging and our protocol (a worker starts as a fresh interpreter)."""
        configure_logging(level=self.service_log_level, style=self.service_log_style)
        try:
            if self.workers > 1:
                take_room()
            super().load()
        except Exception as error:
            # Before the first request there is no input that the message could quote.
            logger.critical("the service cannot start: %s", error or type(error).__name__)
            sys.exit(STARTUP_FAILURE)
        self.lifespan_class = OneLineLifespan
        self.http_protocol_class = guarded_protocol(self.limits)


class OneLineLifespan(LifespanOn):
    """The app itself says in one line why it cannot start: uvicorn would add its traceback and two lines more."""

    async def startup(self) -> None:
        """uvicorn's, without its words."""
        told, self.logger = self.logger, _NO_LOG
        await super().startup()
        self.logger = told


class DrainingServer(Server):
    """A worker whose readiness falls at the signal, while it still takes requests for ``drain_s``.

    A load balancer needs that time to notice; closing the socket at once would cost requests on their way.
    SIGHUP, and a file that has changed, renew the certificate and the keys.
    """

    config: GuardedConfig
    certificate: Certificate | None = None

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """uvicorn's; from then on SIGHUP is heard."""
        await super().startup(sockets)
        if self.started:
            if self.config.ssl is not None:
                self.certificate = Certificate(
                    self.config.ssl, certificate=str(self.config.ssl_certfile), key=str(self.config.ssl_keyfile)
                )
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)
            logger.info("worker %d serves %s", os.getpid(), self._url())

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """uvicorn's, and a line in the log."""
        logger.info("worker %d stops", os.getpid())
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """uvicorn's, once a second a look at the certificate, and every five whether memory can go back."""
        if self.certificate is not None and counter % _TICKS_PER_SECOND == 0 and self.certificate.has_changed():
            self._renew_certificate(self.certificate)
        operations = self._operations()
        if operations is not None and counter % (5 * _TICKS_PER_SECOND) == 0:
            operations.leftovers.give_back_if_idle()
        return await super().on_tick(counter)

    def reload(self) -> None:
        """Read keys and certificate again. What cannot be read stays as it was, and the log says so."""
        operations = self._operations()
        if operations is not None and operations.keys is not None:
            operations.keys.reload()
        if self.certificate is not None:
            self._renew_certificate(self.certificate)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: not ready, and exit after the drain. Second signal: exit now."""
        operations = self._operations()
        if operations is None or operations.drain.started or self.config.drain_s <= 0:
            if operations is not None:
                operations.drain.start()
            super().handle_exit(sig, frame)
            return
        operations.drain.start()
        timer = threading.Timer(self.config.drain_s, super().handle_exit, args=(sig, frame))
        timer.daemon = True
        timer.start()

    def _url(self) -> str:
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        return f"{'https' if self.config.is_ssl else 'http'}://{host}:{self.config.port}"

    def _operations(self) -> Operations | None:
        """What the app made for this worker; None until it has started."""
        lifespan = getattr(self, "lifespan", None)
        found: Operations | None = lifespan.state.get("operations") if lifespan is not None else None
        return found

    def _renew_certificate(self, certificate: Certificate) -> None:
        operations = self._operations()
        if not certificate.reload() and operations is not None:
            operations.metrics.certificate_errors.inc()


def run_worker(config: GuardedConfig, sockets: list[socket], supervisor: Connection) -> None:
    """The whole life of a worker process; ends with STARTUP_FAILURE if it could not start."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    server = DrainingServer(config)
    threading.Thread(target=_answer_questions, args=(server, supervisor), daemon=True).start()
    threading.Thread(target=_end_with_supervisor, args=(os.getppid(),), daemon=True).start()
    try:
        server.run(sockets)
    except KeyboardInterrupt:  # raised again after the stop that Ctrl-C asked for
        return
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def _answer_questions(server: Server, supervisor: Connection) -> None:
    """Each question of the supervisor is answered with whether this worker serves: a hung one does not answer."""
    try:
        while True:
            supervisor.recv()
            supervisor.send(server.started)
    except (EOFError, OSError):
        return


def _end_with_supervisor(supervisor: int) -> None:
    # A supervisor that was killed cannot tell its workers; they would keep the port.
    stopped = threading.Event()
    while not stopped.wait(1.0):
        if os.getppid() != supervisor:
            os.kill(os.getpid(), signal.SIGTERM)
            return
