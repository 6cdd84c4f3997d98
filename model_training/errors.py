"""The errors that a user can mend: shown as one message without a traceback, exit status 1."""

from __future__ import annotations


class TrainingError(Exception):
    """Wrong data, table, configuration or checkpoint. The message names the row or file, the value, and what to do."""


class Interrupted(Exception):
    """Ctrl-C, after everything done so far was saved. The message says how to go on; exit status 130."""
