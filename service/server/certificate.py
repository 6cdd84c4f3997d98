"""The certificate of a running server, renewed when its files change: connections that are open keep the old one."""

from __future__ import annotations

import logging
import os
import ssl
from pathlib import Path

logger = logging.getLogger(__name__)

Version = tuple[tuple[int, int, int] | None, ...]


class CertificateError(ValueError):
    """Certificate and key cannot be used; the message names both files and the fault."""


def load_chain(context: ssl.SSLContext, *, certificate: str, key: str) -> None:
    """Load certificate and key into a context. Raises CertificateError.

    A key with a password is refused: nobody could type it in when the service starts again at night.
    """
    for name, path in (("HTNET_TLS_CERTIFICATE", certificate), ("HTNET_TLS_KEY", key)):
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise CertificateError(f"{name}={path} cannot be read by uid {os.getuid()}: {error.strerror}") from error
    try:
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise CertificateError(
            f"HTNET_TLS_CERTIFICATE={certificate} and HTNET_TLS_KEY={key} do not make a certificate with its key "
            f"({reason}): both are PEM files without a password, and the key must be the certificate's"
        ) from error


class Certificate:
    """Certificate and key in the context of a running server."""

    def __init__(self, context: ssl.SSLContext, *, certificate: str, key: str) -> None:
        self._context = context
        self._certificate, self._key = certificate, key
        self._version = self._look()

    def has_changed(self) -> bool:
        """Whether a file is another than when it was last loaded or tried."""
        return self._look() != self._version

    def reload(self) -> bool:
        """Use what the files hold now. False, with a line in the log, if they cannot be used: the old pair stays."""
        self._version = self._look()
        try:
            # First elsewhere: a certificate without its key would end every handshake.
            load_chain(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate=self._certificate, key=self._key)
            load_chain(self._context, certificate=self._certificate, key=self._key)
        except CertificateError as error:
            logger.error("the certificate was not renewed, the old one stays in force: %s", error)
            return False
        logger.info("the certificate was renewed")
        return True

    def _look(self) -> Version:
        return tuple(_version_of(Path(path)) for path in (self._certificate, self._key))


def _version_of(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
