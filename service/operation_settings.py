"""Settings of everything around the analysis: binding, limits, keys, audit, logs. Units are in the names."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.setting_types import Address, Count, FilePath, Places, Rate, Seconds, Size, TextList, Whole, is_loopback

_QUOTES = ("'", '"')
_ROOT_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")


class OperationSettings(BaseSettings):
    """Read from the environment, prefix ``HTNET_``; for example ``HTNET_PORT=8443``."""

    model_config = SettingsConfigDict(env_prefix="HTNET_", extra="ignore", frozen=True, use_attribute_docstrings=True)

    # Binding
    host: Address = "127.0.0.1"
    """Address to bind. Any other than loopback needs keys, or `allow_anonymous`."""
    bind_address: Address | None = None
    """In a container: the address of the machine that its port is published on, which then decides whether keys are
    needed. Compose passes it in."""
    port: Whole = Field(default=8000, ge=0, le=65535)
    """Port."""
    workers: Whole = Field(default=1, ge=1, le=64)
    """Processes; one that dies or hangs is replaced."""
    tls_certificate: FilePath | None = None
    """PEM file; together with `tls_key` or not at all."""
    tls_key: FilePath | None = None
    """PEM file; together with `tls_certificate` or not at all."""
    docs_enabled: bool = True
    """`/docs` (Swagger UI, served from here) and `/openapi.json`."""
    cors_allow_origins: TextList = ()
    """Origins whose pages may ask, with commas between them (or as a JSON list); `*` for all."""
    root_path: str = ""
    """Path under which a proxy publishes the service, such as `/htnet`; the proxy may take it away or leave it."""
    trusted_proxies: TextList = ()
    """Addresses or networks of the proxies in front, with commas between them: of these alone is `X-Forwarded-For`
    and `X-Forwarded-Proto` believed."""

    # API keys
    api_keys_file: FilePath | None = None
    """File of hashed keys, read again when it changes."""
    allow_anonymous: bool = False
    """Serve other machines without keys: said aloud, or the service does not start."""
    metrics_need_key: bool = False
    """Ask for a key on `/metrics` as well."""
    rate_limit_per_minute: Rate | None = None
    """Requests per key (without keys per address), shared out evenly over the workers; unset = no limit."""
    live_rate_limit_per_minute: Rate = 600.0
    """The same for `/v1/palsy/look`, which a page asks several times a second while a camera runs and which does not
    count with the others."""
    rate_limit_burst: Count = 20
    """Requests that may come at once."""

    # Places and time, for each worker
    running_max: Places = 2
    """Analyses at the same time in a worker, each with a landmarker of its own."""
    queue_max: Whole = Field(default=4, ge=0, le=65_535)
    """Places in a worker's queue."""
    queue_wait_s: Seconds = 1.0
    """Longest wait for a place."""
    uploads_max: Count = 32
    """Bodies that a worker reads at the same time."""
    uploads_max_bytes: Size | None = None
    """Memory of a worker for bodies of photographs, and as much for clips, at least one of the largest; unset = a tenth
    of the container's memory, shared out over the workers."""
    decoding_max_bytes: Size | None = None
    """Memory of a worker for decoded photographs, reserved before they are decoded; unset = two fifths of the
    container's memory, shared out over the workers."""
    body_timeout_s: Seconds = 15.0
    """Time for sending a body, and for reading an answer; it starts anew while 20 kB a second of it pass."""
    request_timeout_s: Seconds = 30.0
    """Time for an analysis."""
    clips_running_max: Places = 1
    """Clips that are worked on at the same time in a worker: they have places of their own, so that photographs do not
    wait for them."""
    clips_queue_max: Whole = Field(default=1, ge=0, le=65_535)
    """Clips that may wait for a place in a worker."""
    clips_queue_wait_s: Seconds = 10.0
    """Longest wait of a clip for its place."""
    clip_timeout_s: Seconds = Field(default=120.0, ge=1)
    """Time for sending a clip, as `body_timeout_s`, and as much again for working on it."""
    head_timeout_s: Seconds = 5.0
    """Time for a request's head, and for a TLS handshake."""
    head_max_bytes: Whole = Field(default=32_768, ge=1024, le=1_000_000)
    """Largest head of a request."""
    keep_alive_s: Seconds = 15.0
    """How long an idle connection is kept."""
    connections_max: Count = 512
    """Connections of a worker. One more takes the place of the one that has waited longest without asking."""
    connections_per_address_max: Count = 256
    """Connections of a worker from one address, trusted proxies apart."""

    # Stopping
    drain_s: float = Field(default=0.0, ge=0, le=3600)
    """After SIGTERM: not ready at once, but new requests are still taken for so long."""
    stop_timeout_s: Seconds = 125.0
    """How long running requests may then still take: a clip takes up to `clip_timeout_s`."""

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

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, values: Any) -> Any:
        # Compose and .env files pass an empty text for what nobody has set; an empty audit URL has a meaning. Blanks
        # and the line ends of Windows around a value are none of it.
        if not isinstance(values, dict):
            return values
        written = {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
        return {name: value for name, value in written.items() if value != "" or name == "audit_url"}

    @field_validator("*", mode="before")
    @classmethod
    def _unquoted(cls, value: Any) -> Any:
        if isinstance(value, str) and value[0:1] in _QUOTES and value[-1] == value[0]:
            raise ValueError("the quotes are part of the value: leave them out (docker run --env-file passes them on)")
        return value

    @field_validator("cors_allow_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            try:
                return json.loads(value)
            except json.JSONDecodeError as error:
                raise ValueError(
                    f"this is no JSON list ({error}); write the values with commas between them"
                ) from error
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("cors_allow_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if "*" in origins and len(origins) > 1:
            raise ValueError("* stands for all origins: name it alone, or the others without it")
        for origin in origins:
            if origin == "*":
                continue
            parts = _web_url(origin)
            if parts is None or "*" in origin or origin != f"{parts.scheme}://{parts.netloc}".lower():
                raise ValueError(
                    f"{origin!r} is no origin: write it as browsers send it, like https://ward.example, in small "
                    "letters and without a path; commas stand between several"
                )
        return origins

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                network = ipaddress.ip_network(proxy)
            except ValueError as error:
                raise ValueError(f"{error}; write an address or a network, like 10.0.0.0/8") from error
            if network.prefixlen == 0:
                raise ValueError(f"{proxy} is everybody, and everybody could then name any address as his own")
        return proxies

    @field_validator("root_path")
    @classmethod
    def _check_root_path(cls, path: str) -> str:
        path = path.rstrip("/")
        if path and not _ROOT_PATH.fullmatch(path):
            raise ValueError("a path begins with / and has no query and no dots, like /htnet")
        return path

    @field_validator("otlp_endpoint")
    @classmethod
    def _check_endpoint(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = _web_url(url)
        if parts is None or parts.path in ("", "/"):
            raise ValueError(
                "this is no URL of a collector's traces over HTTP: write it like http://collector:4318/v1/traces"
            )
        return url

    @model_validator(mode="after")
    def _check_binding(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError(
                f"HTNET_TLS_CERTIFICATE={self.tls_certificate or ''} and HTNET_TLS_KEY={self.tls_key or ''} belong "
                "together: set both or none"
            )
        name, address = ("HTNET_BIND_ADDRESS", self.bind_address) if self.bind_address else ("HTNET_HOST", self.host)
        if not is_loopback(address) and self.api_keys_file is None and not self.allow_anonymous:
            raise ValueError(
                f"{name}={address} can be reached from other machines: set HTNET_API_KEYS_FILE "
                "(python -m service.security.new_key makes keys), or switch the check off: HTNET_ALLOW_ANONYMOUS=true"
            )
        if self.metrics_need_key and self.api_keys_file is None:
            raise ValueError("HTNET_METRICS_NEED_KEY=true, and there are no keys: set HTNET_API_KEYS_FILE as well")
        if self.allow_anonymous and self.api_keys_file is not None:
            raise ValueError(
                f"HTNET_ALLOW_ANONYMOUS=true and HTNET_API_KEYS_FILE={self.api_keys_file} contradict each other: "
                "leave out the one that is not meant"
            )
        return self


def _web_url(text: str) -> SplitResult | None:
    """None if this is no URL of a web server."""
    try:
        parts = urlsplit(text)
        # Reading the port checks it.
        _ = parts.port
    except ValueError:
        return None
    usable = parts.scheme in ("http", "https") and parts.hostname and not any(letter.isspace() for letter in text)
    return parts if usable else None
