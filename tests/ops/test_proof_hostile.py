"""A hostile mix against a container with two CPUs and three GiB: no worker dies, and the memory goes back.

Large 16-bit TIFFs alone and in pairs, JPEGs of 50 and 120 megapixels, decompression bombs, slow bodies and ordinary
photographs, from more clients than there are places. Needs the image htnet-clinical:cpu (make compose-smoke builds it).
"""

import contextlib
import io
import itertools
import os
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image

from tests.ops.live_service import EMOTION, GRADE, free_port, metric_sum, write_figures

pytestmark = [pytest.mark.slow, pytest.mark.docker]

SECONDS = float(os.environ.get("HTNET_PROOF_SECONDS", "600"))
CLIENTS = 12
IMAGE = "htnet-clinical:cpu"
NAME = "htnet-hostile"


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@contextlib.contextmanager
def container() -> Iterator[str]:
    """The address of a service as compose confines it."""
    port = free_port()
    subprocess.run(["docker", "rm", "-f", NAME], capture_output=True, check=False)
    docker(
        "run", "-d", "--name", NAME, "--read-only", "--tmpfs", "/tmp:size=64m,mode=1777", "--tmpfs",  # noqa: S108
        "/var/lib/htnet:uid=10001,mode=0700", "--cpus=2", "--memory=3g", "--memory-swap=3g", "-p",
        f"127.0.0.1:{port}:8000", "-e", "HTNET_BIND_ADDRESS=127.0.0.1", "-e", "HTNET_WORKERS=2", "-e",
        "HTNET_LOG_LEVEL=warning", "-e", "HTNET_BODY_TIMEOUT_S=5", IMAGE,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        subprocess.run(["docker", "rm", "-f", NAME], capture_output=True, check=False)


def tiff_16_bit(side: int) -> bytes:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 65_535, (side // 100, side // 100, 3), dtype=np.uint16)
    done, encoded = cv2.imencode(".tif", np.kron(small, np.ones((100, 100, 1), np.uint16)))
    assert done
    return encoded.tobytes()


def jpeg(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (120, 90, 80)).save(buffer, "JPEG", quality=50, progressive=width > 10_000)
    return buffer.getvalue()


def bomb() -> bytes:
    buffer = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(buffer, "PNG")
    return buffer.getvalue()


class Mix:
    """The requests, one kind after another, from every client."""

    def __init__(self, url: str, photograph: bytes) -> None:
        self.url = url
        # Just within what a worker may decode, and beyond it; within the limit of pixels, and beyond it.
        fits, tiff, large, huge = tiff_16_bit(6000), tiff_16_bit(7000), jpeg(8000, 6000), jpeg(12_000, 10_000)
        self._kinds = [
            (GRADE, {"image": fits}), (GRADE, {"image": tiff}), (EMOTION, {"onset": tiff, "apex": tiff}),
            (GRADE, {"image": large}), (GRADE, {"image": huge}), (GRADE, {"image": bomb()}),
            (GRADE, {"image": photograph}),
        ]  # fmt: skip
        self.statuses: Counter[str] = Counter()
        self.stop = threading.Event()

    def ask(self, first: int) -> None:
        for path, files in itertools.islice(itertools.cycle(self._kinds), first, None):
            if self.stop.is_set():
                return
            try:
                answer = httpx.post(self.url + path, files=files, timeout=90)
                self.statuses[str(answer.status_code)] += 1
            except httpx.TransportError as error:
                self.statuses[type(error).__name__] += 1

    def send_slowly(self) -> None:
        host, port = self.url.removeprefix("http://").split(":")
        head = f"POST {GRADE} HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 9000000\r\n\r\n"
        while not self.stop.is_set():
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1) as slow:
                slow.sendall(head.encode())
                for _ in range(20):
                    slow.sendall(b"x" * 1000)
                    time.sleep(0.3)


def resident(url: str) -> float:
    return metric_sum(httpx.get(url + "/metrics", timeout=30).text, "htnet_process_resident_memory_bytes")


def test_nobody_dies_and_the_memory_goes_back(astronaut_jpeg: bytes) -> None:
    with container() as url:
        deadline = time.monotonic() + 180
        while True:
            with contextlib.suppress(httpx.TransportError):
                if metric_sum(httpx.get(url + "/metrics", timeout=5).text, "htnet_workers") == 2:
                    break
            assert time.monotonic() < deadline, docker("logs", NAME)
            time.sleep(0.5)
        for _ in range(20):
            assert httpx.post(url + GRADE, files={"image": astronaut_jpeg}, timeout=60).status_code == 200
        before = resident(url)
        mix = Mix(url, astronaut_jpeg)
        threads = [threading.Thread(target=mix.ask, args=(first,)) for first in range(CLIENTS)]
        threads += [threading.Thread(target=mix.send_slowly) for _ in range(4)]
        for thread in threads:
            thread.start()
        probes: list[float] = []
        most = before
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            started = time.monotonic()
            with contextlib.suppress(httpx.TransportError):
                httpx.get(url + "/readyz", timeout=10).raise_for_status()
            probes.append(time.monotonic() - started)
            most = max(most, resident(url))
            time.sleep(1)
        mix.stop.set()
        for thread in threads:
            thread.join()
        time.sleep(12)
        after = resident(url)
        deaths = docker("logs", NAME).count("is replaced in")
        assert httpx.post(url + GRADE, files={"image": astronaut_jpeg}, timeout=60).status_code == 200
    known = {"200", "400", "408", "413", "415", "422", "429", "503"}
    figures = {
        "seconds": SECONDS, "clients": CLIENTS, "statuses": dict(sorted(mix.statuses.items())),
        "worker_deaths": deaths, "neither": sum(n for status, n in mix.statuses.items() if status not in known),
        "resident_before_mb": round(before / 1e6), "resident_most_mb": round(most / 1e6),
        "resident_after_mb": round(after / 1e6), "after_to_before": round(after / before, 2),
        "readyz_p99_s": round(float(np.percentile(probes, 99)), 3), "readyz_longest_s": round(max(probes), 3),
    }  # fmt: skip
    write_figures("hostile", figures)
    assert (deaths, figures["neither"]) == (0, 0)
    assert after <= 1.3 * before
