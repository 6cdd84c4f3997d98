"""API keys: several, hashed in a file, exchanged without a restart.

The file has one key a line: ``<key id> <role> <SHA-256 of the key in hex>``; the role is ``user`` or ``admin``; ``#``
starts a comment. A key has 256 random bits, so that a plain hash is enough: there is nothing to guess from a list.
By hand, because frameworks leave the check of a key to the application: a hash, a constant-time comparison and a file
that is read anew are all of it, and no account or token service has to run beside the clinic's.

    python -m service.security.new_key radiology >> keys.txt      # the key itself is shown once, on standard error
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from service.observability.rarely import Rarely

logger = logging.getLogger(__name__)

Role = Literal["user", "admin"]
ROLES: tuple[Role, ...] = ("user", "admin")

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")
_FIELDS = 3


class KeyFileError(ValueError):
    """The key file cannot be used; the message names file, line and fault."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One accepted key: its name, what it may do, and the hash of the secret."""

    key_id: str
    role: Role
    digest: bytes


def hash_key(secret: str) -> bytes:
    """SHA-256 of the key's text."""
    return hashlib.sha256(secret.encode()).digest()


def new_key(key_id: str, role: Role) -> tuple[str, str]:
    """(the secret, its line for the key file)."""
    if not _KEY_ID.fullmatch(key_id):
        raise ValueError(f"a key id has 1 to 64 letters, digits, '.', '_' or '-', got {key_id!r}")
    secret = "htnet_" + secrets.token_urlsafe(32)
    return secret, f"{key_id} {role} {hash_key(secret).hex()}"


def read_key_file(path: Path) -> tuple[ApiKey, ...]:
    """All keys of a file; none if it is empty or holds comments only: then no key is valid.

    Raises KeyFileError where the file cannot be read, and on any line that is not understood.
    """
    try:
        # An editor of Windows may begin the file with a mark of its own.
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        cure = "make it readable for that user"
        if not isinstance(error, PermissionError):
            cure = "python -m service.security.new_key makes its lines"
        raise KeyFileError(
            f"{path}: the API key file cannot be read by uid {os.getuid()} ({reason}); {cure}"
        ) from error
    keys: dict[str, ApiKey] = {}
    for number, line in enumerate(lines, start=1):
        fields = line.split("#", 1)[0].split()
        if not fields:
            continue
        if len(fields) != _FIELDS:
            raise KeyFileError(f"{path}, line {number}: expected '<key id> <user|admin> <sha256>'")
        key_id, role, digest = fields
        if not _KEY_ID.fullmatch(key_id) or key_id in keys:
            raise KeyFileError(f"{path}, line {number}: the key id {key_id!r} is malformed or there twice")
        if role not in ROLES:
            raise KeyFileError(f"{path}, line {number}: the role must be user or admin, got {role!r}")
        if not _SHA256_HEX.fullmatch(digest):
            raise KeyFileError(f"{path}, line {number}: the hash must be 64 lower-case hex digits")
        keys[key_id] = ApiKey(key_id=key_id, role=role, digest=bytes.fromhex(digest))
    return tuple(keys.values())


class KeyRing:
    """The keys of a file that may change while the service runs.

    The file is looked at (one ``stat``) at most every ``reload_every_s`` seconds. One that was emptied has no valid
    key. One that cannot be read or is not understood leaves the old keys in force, with an error in the log as long as
    that lasts: a typing error must not lock the clinic out.
    """

    def __init__(self, path: Path, *, reload_every_s: float = 1.0, on_error: Callable[[], None] | None = None) -> None:
        self._path = path
        self._reload_every_s = reload_every_s
        self._on_error = on_error
        self._errors = Rarely(logger)
        self._broken = False
        self._version = self._stat()
        self._keys = read_key_file(path)
        self._looked_at = time.monotonic()
        self._warn_if_empty()

    def find(self, secret: str) -> ApiKey | None:
        """The key with this secret. Every key is compared, in constant time, whether or not one matched before."""
        self._reload_if_changed()
        digest = hash_key(secret)
        found: ApiKey | None = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def reload(self) -> None:
        """Read the file again; the old keys stay in force if it cannot be used."""
        self._version = self._stat()
        try:
            self._keys = read_key_file(self._path)
        except KeyFileError as error:
            self._broken = True
            self._errors.say(logging.ERROR, "API keys not reloaded, the old ones stay in force: %s", error)
            if self._on_error is not None:
                self._on_error()
            return
        self._broken = False
        # The next mistake is another one, and is said at once.
        self._errors = Rarely(logger)
        logger.info("API keys reloaded: %d", len(self._keys))
        self._warn_if_empty()

    def _warn_if_empty(self) -> None:
        if not self._keys:
            logger.warning("%s holds no API key: every request that needs one is refused", self._path)

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _reload_if_changed(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < self._reload_every_s:
            return
        self._looked_at = now
        if self._broken or self._stat() != self._version:
            self.reload()
