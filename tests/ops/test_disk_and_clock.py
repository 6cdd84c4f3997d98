"""A full /tmp, a full audit disk, a clock that jumps: no answer without its record, and nobody waits for long.

The disks are real ones of a few megabytes, mounted for the service alone; the clock is set by libfaketime, for the
service alone. Both are skipped where they cannot be had.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from service.audit.chain import verify
from service.audit.store import checked_url, make_engine
from tests.ops.live_service import GRADE, LiveService, live_service, wait_for_workers
from tests.ops.test_worker_faults import Asking, wait_for_log

DISK_BYTES = 8 * 2**20


def on_a_small_disk(folder: Path) -> tuple[str, ...]:
    """What runs its arguments with a small disk of its own mounted at a folder."""
    folder.mkdir()
    script = f'mount -t tmpfs -o size={DISK_BYTES} small "$0" && exec "$@"'
    return ("unshare", "--mount", "--propagation", "private", "sh", "-c", script, str(folder))


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "x", "/mnt"],
        capture_output=True, check=False,
    ).returncode == 0  # fmt: skip


needs_a_disk = pytest.mark.skipif(not can_mount(), reason="this user may not mount a disk")


def inside(live: LiveService, folder: Path) -> Path:
    """A folder as the service sees it."""
    return Path(f"/proc/{live.process.pid}/root{folder}")


def fill(folder: Path) -> Path:
    """Until not a byte is left; the file that takes the room."""
    path = folder / "full"
    with path.open("wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return path


def grade(live: LiveService, image: bytes) -> httpx.Response:
    return httpx.post(live.url + GRADE, params={"heatmap": False}, files={"image": image}, timeout=30)


@needs_a_disk
@pytest.mark.parametrize("shared_memory", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_full_tmp_kills_no_worker(
    tmp_path: Path, tiny_models: Path, astronaut_jpeg: bytes, shared_memory: bool
) -> None:
    """Without /dev/shm the workers' metrics lie on the disk that is full."""
    disk = tmp_path / "tmp"
    within = on_a_small_disk(disk)
    if not shared_memory:
        hide = 'mount -t tmpfs -o ro none /dev/shm && exec "$@"'
        within = (*within, "sh", "-c", hide, "sh")
    with live_service(tmp_path, tiny_models, workers=2, within=within, environment={"TMPDIR": str(disk)}) as live:
        pids = {worker.pid for worker in live.workers()}
        taken = fill(inside(live, disk))
        with Asking(live) as asking:
            assert {grade(live, astronaut_jpeg).status_code for _ in range(8)} == {200}
            assert live.get("/metrics").status_code == 200
        assert set(asking.statuses) == {200}
        assert {worker.pid for worker in live.workers()} == pids
        # A worker that dies meanwhile: the other serves on, and the next one needs no room but for its metrics.
        with Asking(live) as asking:
            live.workers()[0].send_signal(signal.SIGKILL)
            wait_for_log(live, "is replaced in")
            if not shared_memory:
                time.sleep(2)
                taken.unlink()
            wait_for_workers(live, 2)
        assert set(asking.statuses) == {200}
        assert asking.longest_gap_s < 3
        assert grade(live, astronaut_jpeg).status_code == 200


@needs_a_disk
def test_a_full_audit_disk_is_a_refusal_with_its_cause_and_passes(
    tmp_path: Path, tiny_models: Path, astronaut_jpeg: bytes
) -> None:
    disk = tmp_path / "audit"
    database = disk / "audit.sqlite"
    settings = {"audit_url": f"sqlite:///{database}", "workers": 2}
    with live_service(tmp_path, tiny_models, within=on_a_small_disk(disk), **settings) as live:
        pids = {worker.pid for worker in live.workers()}
        answers = [grade(live, astronaut_jpeg) for _ in range(3)]
        taken = fill(inside(live, disk))
        with Asking(live) as asking:
            # The log that is written ahead may have a page or two left.
            refused = [grade(live, astronaut_jpeg) for _ in range(40)]
        assert {answer.status_code for answer in refused[-10:]} == {503}
        assert refused[-1].json()["code"] == "audit-unavailable"
        assert {answer.status_code for answer in refused} <= {200, 503}
        assert any("full" in line for line in wait_for_log(live, "the audit record was not written"))
        assert set(asking.statuses) == {200}
        assert live.get("/readyz").status_code == 200
        taken.unlink()
        answers += [*refused, *(grade(live, astronaut_jpeg) for _ in range(3))]
        assert [answer.status_code for answer in answers[-3:]] == [200] * 3
        assert {worker.pid for worker in live.workers()} == pids
        shutil.copytree(inside(live, disk), tmp_path / "copy")
    check_records(tmp_path / "copy/audit.sqlite", answers)


def check_records(database: Path, answers: list[httpx.Response]) -> None:
    """Every answer that was given is recorded, and nothing was lost between the records."""
    given = {answer.json()["request_id"] for answer in answers if answer.status_code == 200}
    with sqlite3.connect(database) as connection:
        recorded = {row[0] for row in connection.execute("SELECT request_id FROM analysis WHERE label IS NOT NULL")}
    assert given
    assert given <= recorded
    engine = make_engine(checked_url(f"sqlite:///{database}"))
    try:
        assert verify(engine).records >= len(given)
    finally:
        engine.dispose()


def faketime() -> str | None:
    found = ctypes.util.find_library("faketime")
    paths = [found] if found else sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return str(paths[0]) if paths else None


@pytest.mark.skipif(faketime() is None, reason="libfaketime is not installed")
def test_a_clock_that_jumps_loses_no_record_and_no_time(
    tmp_path: Path, tiny_models: Path, astronaut_jpeg: bytes
) -> None:
    """A day forward, a month back, as a machine does that has just found its time server."""
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    environment = {
        "LD_PRELOAD": str(faketime()), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
        # Clocks that jump do so for calendars, not for stop watches.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    answers: list[httpx.Response] = []
    settings = {"workers": 2, "rate_limit_per_minute": 100_000, "rate_limit_burst": 1000}
    with live_service(tmp_path, tiny_models, environment=environment, **settings) as live:
        pids = {worker.pid for worker in live.workers()}
        with Asking(live) as asking:
            for jump in ("+0", "+1d", "-30d", "+0"):
                clock.write_text(f"{jump}\n")
                answers += [grade(live, astronaut_jpeg) for _ in range(4)]
        assert {answer.status_code for answer in answers} == {200}
        assert set(asking.statuses) == {200}
        assert asking.longest_gap_s < 3
        assert {worker.pid for worker in live.workers()} == pids
        with sqlite3.connect(tmp_path / "audit.sqlite") as connection:
            days = [row[0][:10] for row in connection.execute("SELECT recorded_at FROM analysis ORDER BY id")]
        # The clock of the service did jump, and the order of the records is that of their writing.
        assert len(set(days)) >= 3
        assert days != sorted(days)
    check_records(tmp_path / "audit.sqlite", answers)
    assert os.environ.get("LD_PRELOAD") is None
