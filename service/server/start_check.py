"""What stops a start is found before any worker has started, and said in one line: files, audit database, address."""

from __future__ import annotations

import socket
import ssl

from face.landmarks.model_file import find_landmark_model
from service.audit.prepare import prepare_database
from service.audit.store import AuditUnavailable
from service.config import Settings
from service.observability.memory import memory_limit_bytes
from service.security.api_keys import KeyFileError, read_key_file
from service.server.certificate import CertificateError, load_chain

# Settings whose bytes are held in memory.
_RESERVED = ("image_max_bytes", "assess_max_bytes", "clip_max_bytes", "uploads_max_bytes", "decoding_max_bytes")


class CannotStart(Exception):
    """The service cannot start; the message names the setting, its value and the cure."""


def check_files(settings: Settings) -> None:
    """Read every file that a setting names, and bring the audit database up to date. Raises CannotStart."""
    try:
        if settings.tls_certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            load_chain(context, certificate=str(settings.tls_certificate), key=str(settings.tls_key))
        if settings.api_keys_file is not None:
            read_key_file(settings.api_keys_file)
        if settings.audit_url.get_secret_value():
            prepare_database(settings.audit_url.get_secret_value())
    except KeyFileError as error:
        raise CannotStart(f"HTNET_API_KEYS_FILE: {error}") from error
    except CertificateError as error:
        raise CannotStart(str(error)) from error
    except AuditUnavailable as error:
        raise CannotStart(f"HTNET_AUDIT_URL: the audit database cannot be made ready: {error}") from error
    if settings.landmark_model is not None:
        try:
            find_landmark_model(settings.landmark_model)
        except (OSError, ValueError) as error:
            raise CannotStart(f"HTNET_LANDMARK_MODEL={settings.landmark_model}: {error}") from error


def check_memory(settings: Settings) -> None:
    """Raises CannotStart where a single body, or what is reserved, would be more than all the memory that there is."""
    there = memory_limit_bytes()
    for name in _RESERVED:
        value = getattr(settings, name)
        if value is not None and value > there:
            raise CannotStart(
                f"HTNET_{name.upper()}={value} is more than the memory that this service may use, {there} bytes"
            )


def bind(settings: Settings) -> socket.socket:
    """The listening address, taken once for all workers. Raises CannotStart."""
    where = f"HTNET_HOST={settings.host}, HTNET_PORT={settings.port}"
    host = settings.host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise CannotStart(f"{where}: this is no address of this machine ({error.strerror})") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise CannotStart(
            f"{where}: cannot listen there: {error.strerror}; stop what uses the port, or choose another"
        ) from error
    listener.set_inheritable(True)
    return listener
