"""A folder that appears complete or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from export.errors import ExportError


@contextmanager
def staged(directory: Path) -> Iterator[Path]:
    """A folder beside `directory` that takes its place if the block succeeds and vanishes if it does not."""
    staging = directory.with_name(f".{directory.name}.{os.getpid()}.part")
    previous = directory.with_name(f".{directory.name}.{os.getpid()}.old")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        yield staging
        if directory.exists():
            directory.rename(previous)
        try:
            staging.rename(directory)
        except OSError:
            if previous.exists():
                previous.rename(directory)
            raise
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise ExportError(
            f"{directory}: could not be written ({reason}); what was there before is unchanged"
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        shutil.rmtree(previous, ignore_errors=True)
