"""One JSON object per log line, with the request it belongs to and nothing of what was uploaded."""

from __future__ import annotations

import json
import logging
import logging.config
import traceback
from datetime import UTC, datetime
from typing import Any, Literal

from service.observability.request_context import current_request

# Only these attributes of a log record may reach the output: a field added by a library cannot leak an upload.
EXTRA_FIELDS = (
    "method",
    "route",
    "status",
    "duration_ms",
    "reason",
    "code",
    "task",
    "model_version",
    "worker_pid",
    "stage_ms",
    "client",
)


class JsonFormatter(logging.Formatter):
    """Format a record as one line of JSON (UTF-8, keys in a fixed order).

    An exception is written as its type and the places it went through, without its message: the message of an
    unexpected error may quote the input.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON for ``record``."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        context = current_request()
        if context is not None:
            entry["request_id"] = context.request_id
            entry["trace_id"] = context.trace_id
            entry["span_id"] = context.span_id
            if context.key_id is not None:
                entry["key_id"] = context.key_id
        for name in EXTRA_FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                entry[name] = value
        if record.exc_info and record.exc_info[0] is not None:
            entry["exception"] = record.exc_info[0].__name__
            frames = traceback.extract_tb(record.exc_info[2])
            entry["stack"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        return json.dumps(entry, ensure_ascii=False, default=str)


class PlainFormatter(logging.Formatter):
    """For a terminal: time, level, logger, message, and the request id; exceptions as in JsonFormatter."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of text for ``record``."""
        entry = json.loads(JsonFormatter().format(record))
        head = f"{entry.pop('time')} {entry.pop('level').upper():7} {entry.pop('logger')}: {entry.pop('message')}"
        rest = " ".join(f"{name}={value}" for name, value in entry.items() if name not in ("trace_id", "span_id"))
        return f"{head}  {rest}".rstrip()


def configure_logging(*, level: str, style: Literal["json", "text"]) -> None:
    """Send every logger of the process to standard error in one style.

    uvicorn's own access log is silenced: its lines would repeat ours and hold the query string.
    """
    formatter = "service.observability.json_logging." + ("JsonFormatter" if style == "json" else "PlainFormatter")
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": formatter}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": level.upper()},
            "loggers": {
                "uvicorn": {"handlers": [], "propagate": True},
                # We say ourselves when a worker starts and stops.
                "uvicorn.error": {"handlers": [], "propagate": True, "level": "WARNING"},
                "uvicorn.access": {"handlers": [], "propagate": False},
                "alembic": {"level": "WARNING"},
                # Its warnings about headers that are not valid quote what the caller sent.
                "opentelemetry.trace": {"level": "ERROR"},
            },
        }
    )
