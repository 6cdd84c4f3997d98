"""Start the service: check the settings, prepare audit and metrics, then serve with one or several workers."""

from __future__ import annotations

import logging
import os
import sys
import tempfile

from pydantic import ValidationError

from service.audit.prepare import prepare_database
from service.config import Settings
from service.observability.json_logging import configure_logging
from service.observability.metrics import MULTIPROCESS_DIRECTORY
from service.operation_settings import OperationSettings
from service.server.lifecycle import DrainingServer, GuardedConfig, Supervisor

logger = logging.getLogger(__name__)

STARTUP_FAILED = 3


def load_settings() -> Settings:
    """The settings; ends the process with one line per fault if they are not valid."""
    try:
        return Settings()
    except ValidationError as error:
        for fault in error.errors():
            name = "".join(f"HTNET_{part}".upper() + ": " for part in fault["loc"])
            print(f"{name}{fault['msg'].removeprefix('Value error, ')}", file=sys.stderr)
        sys.exit(STARTUP_FAILED)


def make_config(settings: OperationSettings, app: str) -> GuardedConfig:
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
        proxy_headers=False,
        backlog=settings.connections_max,
        timeout_keep_alive=max(1, round(settings.keep_alive_s)),
        timeout_graceful_shutdown=max(1, round(settings.stop_timeout_s)),
        timeout_worker_healthcheck=60,
        ssl_certfile=str(settings.tls_certificate) if settings.tls_certificate else None,
        ssl_keyfile=str(settings.tls_key) if settings.tls_key else None,
    )
    config.service_log_level = settings.log_level
    config.service_log_style = settings.log_style
    config.drain_s = settings.drain_s
    config.head_timeout_s = settings.head_timeout_s
    config.head_max_bytes = settings.head_max_bytes
    config.connections_max = settings.connections_max
    config.answer_timeout_s = settings.body_timeout_s
    return config


def main(app: str = "service.app:create_app") -> None:
    """Serve until told to stop. Exits with 3 if the service cannot start."""
    settings = load_settings()
    configure_logging(level=settings.log_level, style=settings.log_style)
    audit_url = settings.audit_url.get_secret_value()
    if audit_url:
        try:
            prepare_database(audit_url)
        except Exception as error:
            reason = getattr(error, "orig", None) or error
            logger.error("the audit database (HTNET_AUDIT_URL) cannot be made ready: %s", reason)
            sys.exit(STARTUP_FAILED)
    if settings.workers == 1:
        _serve_alone(settings, app)
    else:
        _serve_with_workers(settings, app)


def _serve_alone(settings: OperationSettings, app: str) -> None:
    server = DrainingServer(make_config(settings, app))
    server.run()
    if not server.started:
        sys.exit(STARTUP_FAILED)


def _serve_with_workers(settings: OperationSettings, app: str) -> None:
    with tempfile.TemporaryDirectory(prefix="htnet-metrics-") as directory:
        os.environ[MULTIPROCESS_DIRECTORY] = directory
        config = make_config(settings, app)
        socket = config.bind_socket()
        supervisor = Supervisor(config, sockets=[socket])
        supervisor.run()
        if supervisor.failed:
            sys.exit(STARTUP_FAILED)
