"""Settings of everything around the analysis: binding, limits, keys, audit, logs. Units are in the names."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class OperationSettings(BaseSettings):
    """Read from the environment, prefix ``HTNET_``; for example ``HTNET_PORT=8443``."""

    model_config = SettingsConfigDict(env_prefix="HTNET_", extra="ignore", frozen=True, use_attribute_docstrings=True)

    # Binding
    host: str = "127.0.0.1"
    """Address to bind. Any other than loopback needs keys, or `allow_anonymous`."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port."""
    workers: int = Field(default=1, ge=1, le=64)
    """Processes; one that dies or hangs is replaced."""
    tls_certificate: Path | None = None
    """PEM file; together with `tls_key` or not at all."""
    tls_key: Path | None = None
    """PEM file; together with `tls_certificate` or not at all."""
    docs_enabled: bool = True
    """`/docs` (Swagger UI, served from here) and `/openapi.json`."""
    cors_allow_origins: tuple[str, ...] = ()
    """JSON list of the origins whose pages may ask."""

    # API keys
    api_keys_file: Path | None = None
    """File of hashed keys, read again when it changes."""
    allow_anonymous: bool = False
    """Serve other machines without keys: said aloud, or the service does not start."""
    metrics_need_key: bool = False
    """Ask for a key on `/metrics` as well."""
    rate_limit_per_minute: float | None = Field(default=None, gt=0)
    """Requests per key (without keys per address), shared out evenly over the workers; unset = no limit."""
    rate_limit_burst: int = Field(default=20, ge=1)
    """Requests that may come at once."""

    # Places and time, for each worker
    running_max: int = Field(default=2, ge=1)
    """Analyses at the same time in a worker, each with a landmarker of its own."""
    queue_max: int = Field(default=4, ge=0)
    """Places in a worker's queue."""
    queue_wait_s: float = Field(default=1.0, gt=0)
    """Longest wait for a place."""
    uploads_max: int = Field(default=32, ge=1)
    """Bodies that a worker reads at the same time."""
    body_timeout_s: float = Field(default=15.0, gt=0)
    """Time for sending a body, and for reading an answer."""
    request_timeout_s: float = Field(default=30.0, gt=0)
    """Time for an analysis."""
    head_timeout_s: float = Field(default=5.0, gt=0)
    """Time for a request's head, and for a TLS handshake."""
    head_max_bytes: int = Field(default=32_768, ge=1024)
    """Largest head of a request."""
    keep_alive_s: float = Field(default=15.0, gt=0)
    """How long an idle connection is kept."""
    connections_max: int = Field(default=512, ge=1)
    """Connections of a worker."""

    # Stopping
    drain_s: float = Field(default=0.0, ge=0)
    """After SIGTERM: not ready at once, but new requests are still taken for so long."""
    stop_timeout_s: float = Field(default=25.0, gt=0)
    """How long running requests may then still take."""

    # Audit
    audit_url: SecretStr = SecretStr("sqlite:///data/audit.sqlite")
    """Database of the audit records, SQLite or `postgresql://...`; empty switches audit off. A secret, because it may
    hold a password."""

    # Telling
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe line that is logged."""
    log_style: Literal["json", "text"] = "json"
    """`text` is for a terminal."""
    otlp_endpoint: str | None = None
    """Full OTLP/HTTP URL of a collector's traces; unset = no traces."""
    trace_sample_ratio: float = Field(default=1.0, ge=0.0, le=1.0)
    """Share of the requests that are traced."""

    @model_validator(mode="after")
    def _check_binding(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("HTNET_TLS_CERTIFICATE and HTNET_TLS_KEY belong together: set both or none")
        if not is_loopback(self.host) and self.api_keys_file is None and not self.allow_anonymous:
            raise ValueError(
                f"HTNET_HOST={self.host} can be reached from other machines: set HTNET_API_KEYS_FILE "
                "(python -m service.security.new_key makes keys), or switch the check off: HTNET_ALLOW_ANONYMOUS=true"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
