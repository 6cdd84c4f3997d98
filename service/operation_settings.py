"""Settings of everything around the analysis: binding, limits, keys, audit, logs. Units are in the names."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class OperationSettings(BaseSettings):
    """Read from the environment, prefix ``HTNET_``; for example ``HTNET_PORT=8443``."""

    model_config = SettingsConfigDict(env_prefix="HTNET_", extra="ignore", frozen=True)

    # Binding
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    docs_enabled: bool = True
    cors_allow_origins: tuple[str, ...] = ()

    # API keys: needed unless the service is bound to loopback, or this is said aloud
    api_keys_file: Path | None = None
    allow_anonymous: bool = False
    metrics_need_key: bool = False
    rate_limit_per_minute: float | None = Field(default=None, gt=0)
    rate_limit_burst: int = Field(default=20, ge=1)

    # Places and time, for each worker
    running_max: int = Field(default=2, ge=1)
    queue_max: int = Field(default=4, ge=0)
    queue_wait_s: float = Field(default=1.0, gt=0)
    uploads_max: int = Field(default=32, ge=1)
    body_timeout_s: float = Field(default=15.0, gt=0)
    request_timeout_s: float = Field(default=30.0, gt=0)
    head_timeout_s: float = Field(default=5.0, gt=0)
    head_max_bytes: int = Field(default=32_768, ge=1024)
    keep_alive_s: float = Field(default=15.0, gt=0)
    connections_max: int = Field(default=512, ge=1)

    # Stopping: not ready at once, new requests are still taken for drain_s, running ones may take stop_timeout_s
    drain_s: float = Field(default=0.0, ge=0)
    stop_timeout_s: float = Field(default=25.0, gt=0)

    # Audit; empty switches it off. The URL of PostgreSQL holds a password.
    audit_url: SecretStr = SecretStr("sqlite:///data/audit.sqlite")

    # Telling
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_style: Literal["json", "text"] = "json"
    otlp_endpoint: str | None = None
    trace_sample_ratio: float = Field(default=1.0, ge=0.0, le=1.0)

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
