"""What keeps a sound clip from being decoded: the machine, not the clip."""

from __future__ import annotations


class ClipsBusy(Exception):
    """As many clips as may be decoded at once are being decoded."""


class ClipOverran(Exception):
    """Decoding took longer than it may."""
