"""How the memory that the container may use is shared out."""

from __future__ import annotations

from service.observability.memory import memory_limit_bytes
from service.operation_settings import OperationSettings

# Of the container's memory; the rest is for the workers themselves, their models and libraries.
DECODING_SHARE = 0.4
UPLOADS_SHARE = 0.1
# A worker with both shipped models at rest, and its part of the supervisor (docs/research/operations).
WORKER_BYTES = 450_000_000


def share_of_memory(settings: OperationSettings, set_bytes: int | None, share: float) -> int:
    """What was set for each worker, else its part of a share of the memory that the container may use."""
    return set_bytes if set_bytes is not None else int(memory_limit_bytes() * share / settings.workers)


def memory_needed(settings: OperationSettings) -> int:
    """Bytes that all workers may come to hold."""
    # Once for photographs, once for clips.
    reserved = 2 * share_of_memory(settings, settings.uploads_max_bytes, UPLOADS_SHARE)
    reserved += share_of_memory(settings, settings.decoding_max_bytes, DECODING_SHARE)
    return settings.workers * (WORKER_BYTES + reserved)
