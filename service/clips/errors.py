"""What ends the work on a sound clip: the machine's limits, or the caller's leaving."""

from __future__ import annotations

from face.errors import PreprocessingError


class ClipsBusy(Exception):
    """As many clips as may be decoded at once are being decoded."""


class ClientLeft(Exception):
    """Nobody waits for the answer any more."""


class ClipOverran(PreprocessingError):
    """Decoding it, or the whole work on it, took longer than it may."""

    code = "clip-overran"
