"""What can go wrong with a bundle or a session. None of these is the photograph's fault; at start they stop the
service, in a request they are its error.
"""

from __future__ import annotations

from pathlib import Path


class BundleError(Exception):
    """A bundle that must not be served. The message names the file, the field, what was found and what was expected."""

    def __init__(self, path: Path, problem: str, *, field: str | None = None) -> None:
        self.path = path
        self.field = field
        super().__init__(f"{path}: {f'{field}: ' if field else ''}{problem}")


class ProviderUnavailable(Exception):
    """The execution provider that was asked for is not there. The CPU is never taken in its place."""


class NonFiniteOutput(Exception):
    """The model gave NaN or infinity: an error, never an answer."""


class BatchQueueFull(Exception):
    """More calls wait for the device than may."""
