"""What a clip takes of the running service: memory of the largest upload, and seconds.

python -m tests.bench.clip_service [CLIP...]

Memory is that of the worker and its decoder together with the clip that both see (`memfd`), above the worker's own
after a first small clip.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from tests.clip_factory import h264_clip
from tests.ops.live_service import LiveService, live_service
from tests.service.api.examination_clips import PER_S, examination_pictures

ROOT = Path(__file__).parents[2]
POSES = ("brow_lift", "tight_closure", "full_smile", "pucker")


def clip_of(side_px: int, *, repeated: int = 1) -> bytes:
    pictures = examination_pictures(POSES, side_px=side_px) * repeated
    return h264_clip(pictures, durations=[round(600 / PER_S)] * len(pictures))


def used_bytes(service: LiveService) -> int:
    """What the worker and its decoder have for themselves, and the clip that both see."""
    worker, total = service.workers()[0], 0
    for process in (worker, *worker.children(recursive=True)):
        try:
            total += process.memory_full_info().uss
            if process != worker:
                total += max((fd.stat().st_size for fd in _shared_memory(process)), default=0)
        except (psutil.Error, OSError):  # it has just ended
            continue
    return total


def _shared_memory(process: psutil.Process) -> list[Path]:
    return [fd for fd in Path(f"/proc/{process.pid}/fd").iterdir() if "memfd:clip" in str(fd.readlink())]


@contextmanager
def watching(read: Callable[[], int]) -> Iterator[list[int]]:
    seen, over = [read()], threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            seen.append(read())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def ask(service: LiveService, data: bytes) -> tuple[float, httpx.Response]:
    started = time.monotonic()
    response = httpx.post(
        f"{service.url}/v1/palsy/video?curves=false", content=data, headers={"content-type": "video/mp4"}, timeout=180
    )
    return time.monotonic() - started, response


def main(paths: list[str]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        live_service(Path(folder), ROOT / "models", audit_url="") as service,
    ):
        ask(service, clip_of(320))
        time.sleep(1)
        for name, data in (("uncompressed", clip_of(736)), *((path, Path(path).read_bytes()) for path in paths)):
            with watching(lambda: used_bytes(service)) as used:
                seconds, response = ask(service, data)
            answer = response.json()
            told = answer["clip"]["file"] if response.status_code == 200 else answer["detail"]
            print(
                f"{name}: {len(data) / 1e6:.1f} MB, {response.status_code} after {seconds:.1f} s, "
                f"{(max(used) - used[0]) / 1e6:.0f} MB more memory; {told}"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
