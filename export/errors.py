"""What a user of the export can mend: shown as one message without a traceback, exit status 1."""

from __future__ import annotations

from model_training.errors import UserError


class ExportError(UserError):
    """A checkpoint, metadata or target that cannot become a bundle. The message names the file, the value, what to
    do."""
