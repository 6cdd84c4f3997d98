"""How much memory the service may use: the container's limit, or what the machine has."""

from __future__ import annotations

from pathlib import Path

import psutil

# cgroup v2, then v1; a limit that is not set is "max", or a number larger than any memory.
_LIMIT_FILES = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_limit_bytes() -> int:
    """The container's limit; where none is set, the memory of the machine."""
    machine = int(psutil.virtual_memory().total)
    for file in _LIMIT_FILES:
        try:
            text = file.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdecimal():
            return min(int(text), machine)
    return machine
