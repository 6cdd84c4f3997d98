"""The metrics of several workers: each writes files in one folder, and whoever is asked answers for all.

By hand only what prometheus_client leaves out. The files of a worker that ended are added to one and removed: every
death would else leave its files, and every scrape would read them all. And a worker's files have their room before it
serves: they are written through memory, where a full disk is a death by SIGBUS and not an error.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, multiprocess
from prometheus_client.mmap_dict import MmapedDict

MULTIPROCESS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
_LOCK, _PART = "lock", ".part"
# What is counted goes on; a gauge ends with its worker.
_COUNTING = ("counter", "histogram")
# Many times what the service's labels can fill (measured: 15 kB of counters, 131 kB of histograms).
_ROOM_BYTES = {"counter": 2**18, "histogram": 2**20, "gauge_livesum": 2**16, "gauge_livemax": 2**16}


def make_lock(directory: Path) -> None:
    """Make the file by which reading and folding keep apart. Raises OSError."""
    (directory / _LOCK).touch()


def read_all(registry: CollectorRegistry, directory: Path) -> None:
    """Register the figures of all workers, those that ended included."""
    multiprocess.MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]  # untyped there


def take_room() -> None:
    """For the files of this process, which are not open yet. Raises OSError, naming the folder, where there is none."""
    directory = Path(os.environ[MULTIPROCESS_DIRECTORY])
    for kind, size in _ROOM_BYTES.items():
        # Under its name it is whole: one that is empty could not be read.
        part = directory / f"{kind}_{os.getpid()}{_PART}"
        try:
            with part.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise OSError(error.errno, "there is no room for the worker's metrics", str(directory)) from error
        part.rename(part.with_suffix(".db"))


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
        for rest in (*directory.glob(f"gauge_*_{pid}.db"), *directory.glob(f"*_{pid}{_PART}")):
            rest.unlink()


def _add(source: Path, target: Path) -> None:
    if not target.exists():
        source.rename(target)
        return
    with target.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, _used_bytes(target) + _used_bytes(source))
    # prometheus_client is untyped here.
    total = MmapedDict(str(target))  # type: ignore[no-untyped-call]
    try:
        for key, value, timestamp, _ in MmapedDict.read_all_values_from_file(str(source)):  # type: ignore[no-untyped-call]
            before, _ = total.read_value(key)  # type: ignore[no-untyped-call]
            total.write_value(key, before + value, timestamp)  # type: ignore[no-untyped-call]
    finally:
        total.close()  # type: ignore[no-untyped-call]
    source.unlink()


def _used_bytes(path: Path) -> int:
    """Of a file of prometheus_client, which says so in its first four bytes."""
    with path.open("rb") as file:
        return int.from_bytes(file.read(4), sys.byteorder)


@contextmanager
def _locked(directory: Path, mode: int) -> Iterator[None]:
    with (directory / _LOCK).open("rb") as file:
        fcntl.flock(file, mode)
        yield
