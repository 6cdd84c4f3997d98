"""Clocks, percentiles and the description of the machine: every figure of the benchmark is taken through these."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil

MEDIAPIPE = "MediaPipe's own threads"  # which it names drishti


def machine() -> dict[str, Any]:
    """What the figures were taken on. No host name, no path."""
    import onnxruntime
    import torch

    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "load_1min": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
    }


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def summary(milliseconds: list[float]) -> dict[str, float]:
    """Median, p95 and p99 in ms."""
    values = np.asarray(milliseconds)
    return {f"p{q}": round(float(np.percentile(values, q)), 3) for q in (50, 95, 99)}


def interleaved(works: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 2) -> dict[str, Any]:
    """Runs all works in turn, `rounds` times, so that what disturbs the machine disturbs all of them alike.

    -> name: {"cpu_ms": summary, "wall_ms": summary}; CPU time is this process's, all threads.
    """
    cpu: dict[str, list[float]] = {name: [] for name in works}
    wall: dict[str, list[float]] = {name: [] for name in works}
    for index in range(warm_up + rounds):
        for name, work in works.items():
            started, started_cpu = time.perf_counter(), time.process_time()
            work()
            spent, spent_cpu = time.perf_counter() - started, time.process_time() - started_cpu
            if index >= warm_up:
                wall[name].append(1e3 * spent)
                cpu[name].append(1e3 * spent_cpu)
    return {name: {"cpu_ms": summary(cpu[name]), "wall_ms": summary(wall[name])} for name in works}


def tree_cpu_s(process: psutil.Process) -> float:
    """CPU seconds of a process and all its children."""
    total = 0.0
    for member in (process, *process.children(recursive=True)):
        times = member.cpu_times()
        total += times.user + times.system
    return total


def cpu_by_kind_of_thread(process: psutil.Process) -> dict[str, float]:
    """CPU seconds of a process by what its threads do: the event loop, MediaPipe's own threads, the analyses."""
    spent: dict[str, float] = {}
    for thread in process.threads():
        name = Path(f"/proc/{process.pid}/task/{thread.id}/comm").read_text(encoding="utf-8").strip()
        kind = MEDIAPIPE if name == "drishti" else "analysis threads"
        kind = "event loop" if thread.id == process.pid else kind
        spent[kind] = spent.get(kind, 0.0) + thread.user_time + thread.system_time
    return spent


def tree_rss_mb(process: psutil.Process) -> float:
    return sum(member.memory_info().rss for member in (process, *process.children(recursive=True))) / 1e6
