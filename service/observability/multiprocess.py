"""The metrics of several workers: each writes files in one folder, and whoever is asked answers for all.

By hand only what prometheus_client leaves out: the files of a worker that ended are added to one and removed. Every
death would else leave its files, and every scrape would read them all.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, multiprocess
from prometheus_client.mmap_dict import MmapedDict

MULTIPROCESS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
_LOCK = "lock"
# What is counted goes on; a gauge ends with its worker.
_COUNTING = ("counter", "histogram")


def make_lock(directory: Path) -> None:
    """Make the file by which reading and folding keep apart. Raises OSError."""
    (directory / _LOCK).touch()


def read_all(registry: CollectorRegistry, directory: Path) -> None:
    """Register the figures of all workers, those that ended included."""
    multiprocess.MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]  # untyped there


@contextmanager
def reading(directory: Path) -> Iterator[None]:
    """While no worker's files are being folded."""
    with _locked(directory, fcntl.LOCK_SH):
        yield


def fold_worker(directory: Path, pid: int) -> None:
    """Add what an ended worker counted to the file of those that ended, and remove its files."""
    with _locked(directory, fcntl.LOCK_EX):
        for kind in _COUNTING:
            ended = directory / f"{kind}_{pid}.db"
            if ended.exists():
                _add(ended, directory / f"{kind}_ended.db")
        for gauge in directory.glob(f"gauge_*_{pid}.db"):
            gauge.unlink()


def _add(source: Path, target: Path) -> None:
    if not target.exists():
        source.rename(target)
        return
    # On a full disk an error here, and not a death by SIGBUS when the pages are written.
    with target.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, target.stat().st_size + source.stat().st_size)
    # prometheus_client is untyped here.
    total = MmapedDict(str(target))  # type: ignore[no-untyped-call]
    try:
        for key, value, timestamp, _ in MmapedDict.read_all_values_from_file(str(source)):  # type: ignore[no-untyped-call]
            before, _ = total.read_value(key)  # type: ignore[no-untyped-call]
            total.write_value(key, before + value, timestamp)  # type: ignore[no-untyped-call]
    finally:
        total.close()  # type: ignore[no-untyped-call]
    source.unlink()


@contextmanager
def _locked(directory: Path, mode: int) -> Iterator[None]:
    with (directory / _LOCK).open("rb") as file:
        fcntl.flock(file, mode)
        yield
