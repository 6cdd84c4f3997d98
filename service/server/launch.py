"""Start the service: check the settings and what they name, then serve with one or several workers."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
from pathlib import Path
from socket import socket

from service.config import Settings
from service.memory_shares import memory_needed
from service.observability.json_logging import configure_logging
from service.observability.memory import memory_limit_bytes
from service.observability.multiprocess import MULTIPROCESS_DIRECTORY, fold_worker, make_lock
from service.server.limits import Limits
from service.server.start_check import CannotStart, bind, check_files, check_memory
from service.server.supervisor import Supervisor
from service.server.worker import DrainingServer, GuardedConfig
from service.setting_faults import WrongSettings, load_settings

logger = logging.getLogger(__name__)

STARTUP_FAILED = 3
# Memory that no other program fills up; a full disk below the metrics' files kills whoever counts.
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder made there is this process's own


def make_config(settings: Settings, app: str) -> GuardedConfig:
    """uvicorn's configuration from ours."""
    config = GuardedConfig(
        app,
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        backlog=settings.connections_max,
        timeout_keep_alive=max(1, round(settings.keep_alive_s)),
        timeout_graceful_shutdown=max(1, round(settings.stop_timeout_s)),
        ssl_certfile=str(settings.tls_certificate) if settings.tls_certificate else None,
        ssl_keyfile=str(settings.tls_key) if settings.tls_key else None,
    )
    config.service_log_level = settings.log_level
    config.service_log_style = settings.log_style
    config.drain_s = settings.drain_s
    config.limits = Limits(
        head_timeout_s=settings.head_timeout_s,
        head_max_bytes=settings.head_max_bytes,
        connections_max=settings.connections_max,
        connections_per_address_max=settings.connections_per_address_max,
        answer_timeout_s=settings.body_timeout_s,
        proxies=settings.trusted_proxies,
    )
    return config


def main(app: str = "service.app:create_app") -> None:
    """Serve until told to stop. Exits with 3 if the service cannot start, or no longer works, and says why."""
    # Until somebody listens to it, SIGHUP must not kill: it asks for nothing but to read files again.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        settings = load_settings()
    except WrongSettings as error:
        print(error, file=sys.stderr)
        sys.exit(STARTUP_FAILED)
    configure_logging(level=settings.log_level, style=settings.log_style)
    try:
        check_memory(settings)
        check_files(settings)
        listener = bind(settings)
    except CannotStart as error:
        logger.critical("the service cannot start: %s", error)
        sys.exit(STARTUP_FAILED)
    limit, needed = memory_limit_bytes(), memory_needed(settings)
    if needed > limit:
        logger.warning(
            "HTNET_WORKERS=%d and what they may reserve need %d MB of memory, and %d MB are there: take fewer workers, "
            "or lower HTNET_DECODING_MAX_BYTES and HTNET_UPLOADS_MAX_BYTES",
            settings.workers, needed / 1e6, limit / 1e6,
        )  # fmt: skip
    config = make_config(settings, app)
    if settings.workers == 1:
        _serve_alone(config, listener)
    else:
        _serve_with_workers(config, listener)


def _serve_alone(config: GuardedConfig, listener: socket) -> None:
    server = DrainingServer(config)
    server.run([listener])
    if not server.started:
        sys.exit(STARTUP_FAILED)


def _serve_with_workers(config: GuardedConfig, listener: socket) -> None:
    shared = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK | os.X_OK) else None
    try:
        folder = tempfile.TemporaryDirectory(prefix="htnet-metrics-", dir=shared)
        make_lock(Path(folder.name))
    except OSError as error:
        logger.critical("the service cannot start: there is no room for the workers' metrics: %s", error)
        sys.exit(STARTUP_FAILED)
    with folder as directory:
        os.environ[MULTIPROCESS_DIRECTORY] = directory

        def fold(pid: int) -> None:
            try:
                fold_worker(Path(directory), pid)
            except Exception as error:  # whatever a dying worker wrote: no reason to stop those that live
                logger.error("the metrics of worker %d stay as they are: %s", pid, error or type(error).__name__)

        status = Supervisor(config, [listener], on_death=fold).run()
    if status:
        sys.exit(status)
