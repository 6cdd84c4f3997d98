"""What one audit record says, before it is stored."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Either an answer (``label`` and ``probabilities``) or a refusal (its error code).

    ``image_sha256`` has one hash per uploaded image, in the order of the form's fields (onset before apex).
    """

    request_id: str
    key_id: str | None
    task: str
    model_name: str
    model_version: str
    model_sha256: str
    image_sha256: tuple[str, ...]
    label: str | None = None
    probabilities: dict[str, float] | None = None
    refusal: str | None = None
    recorded_at: datetime = field(default_factory=lambda: datetime.now(tz=UTC))

    def __post_init__(self) -> None:
        if (self.label is None) == (self.refusal is None):
            raise ValueError(f"either an answer or a refusal: label={self.label!r} refusal={self.refusal!r}")


def hash_image(data: bytes) -> str:
    """SHA-256 of the uploaded bytes, in hex."""
    return hashlib.sha256(data).hexdigest()
