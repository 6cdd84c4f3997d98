"""The errors that a user can mend: shown as one message without a traceback, exit status 1."""

from __future__ import annotations


class UserError(Exception):
    """What the user of a command can mend. The message names the value, what is wrong with it, and what to do."""


class TrainingError(UserError):
    """Wrong data, table, configuration or checkpoint. The message names the row or file, the value, and what to do."""


class Interrupted(Exception):
    """Ctrl-C, after everything done so far was saved. The message says how to go on; exit status 130."""
