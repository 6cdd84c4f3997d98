"""CPU time of a request by the size of its picture, and what the picture takes of memory, of one or two checkouts;
last, of a pair of frames between which the mouth smiles.

    python -m tests.bench.request_cpu [--against OTHER_CHECKOUT] [--rounds 20] [--only-pairs]

One service with one worker for each checkout, on this machine, asked in turns; the CPU time is that of its processes.
The picture is the astronaut's head and shoulders, as tall as the picture.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import httpx
import numpy as np
import psutil

from face.landmarks.landmarker import FaceLandmarker
from tests import factories
from tests.face.microexpression.test_input import SMILE, warped
from tests.ops.live_service import EMOTION, GRADE, ROOT, shipped_service

SIZES = ((1024, 1024), (2000, 1500), (4000, 3000), (8160, 6144))
# Frames of a video.
PAIR_SIZES = ((1280, 720), (1920, 1080))


@dataclass(frozen=True)
class Asked:
    name: str
    path: str
    files: Mapping[str, bytes]


@dataclass
class Service:
    name: str
    process: psutil.Process
    client: httpx.Client

    def cpu_s(self) -> float:
        return sum(sum(one.cpu_times()[:2]) for one in (self.process, *self.process.children(recursive=True)))

    def resident_mb(self) -> float:
        return max(one.memory_info().rss for one in (self.process, *self.process.children(recursive=True))) / 1e6

    def answer(self, asked: Asked) -> None:
        answer = self.client.post(f"{asked.path}?face=largest", files=asked.files)
        if answer.status_code != 200:
            sys.exit(f"{self.name}: {answer.status_code} {answer.text}")


@contextmanager
def service_of(checkout: Path) -> Iterator[Service]:
    with (
        shipped_service(checkout, image_max_pixels=60_000_000, image_max_bytes=40_000_000) as live,
        httpx.Client(base_url=live.url, timeout=120) as client,
    ):
        yield Service(str(checkout), psutil.Process(live.process.pid), client)


def photograph(width: int, height: int) -> np.ndarray:
    head = np.ascontiguousarray(factories.astronaut()[:320, 64:384])
    square = cv2.resize(head, (height, height), interpolation=cv2.INTER_CUBIC)
    canvas = np.full((height, width, 3), 90, np.uint8)
    canvas[:, (width - height) // 2 :][:, :height] = square
    return canvas


def one_picture(width: int, height: int) -> Asked:
    return Asked(f"{width}x{height}", GRADE, {"image": factories.jpeg(photograph(width, height), quality=90)})


def pair_of_frames(width: int, height: int, landmarker: FaceLandmarker) -> Asked:
    rgb = photograph(width, height)
    (face,) = landmarker.detect(rgb)
    smiling = warped(rgb, face, SMILE, 3)
    frames = {"onset": factories.jpeg(rgb, quality=90), "apex": factories.jpeg(smiling, quality=90)}
    return Asked(f"a pair {width}x{height}", EMOTION, frames)


def peak_mb(service: Service, asked: Asked) -> float:
    """Resident memory at its highest while one request runs, above what it was before."""
    before, highest, done = service.resident_mb(), 0.0, threading.Event()

    def watch() -> None:
        nonlocal highest
        while not done.wait(0.002):
            highest = max(highest, service.resident_mb())

    watching = threading.Thread(target=watch)
    watching.start()
    service.answer(asked)
    done.set()
    watching.join()
    return max(0.0, highest - before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only-pairs", action="store_true")
    options = parser.parse_args()
    requests = [] if options.only_pairs else [one_picture(*size) for size in SIZES]
    with FaceLandmarker() as landmarker:
        requests += [pair_of_frames(*size, landmarker) for size in PAIR_SIZES]
    with ExitStack() as running:
        checkouts = [ROOT] + ([options.against.resolve()] if options.against else [])
        services = [running.enter_context(service_of(checkout)) for checkout in checkouts]
        print("resident memory of a worker, MB: " + ", ".join(f"{service.resident_mb():.0f}" for service in services))
        for asked in requests:
            peaks = [peak_mb(service, asked) for service in services]
            cpu_ms: list[list[float]] = [[] for _ in services]
            for turn in range(options.rounds):
                order = range(len(services)) if turn % 2 else reversed(range(len(services)))
                for index in order:
                    before = services[index].cpu_s()
                    for _ in range(5):  # the kernel counts in steps of 10 ms
                        services[index].answer(asked)
                    cpu_ms[index].append((services[index].cpu_s() - before) * 200)
            medians = [statistics.median(values) for values in cpu_ms]
            print(
                f"{asked.name}: CPU ms a request {', '.join(f'{value:.1f}' for value in medians)}"
                + (f" (ratio {medians[0] / medians[1]:.2f})" if options.against else "")
                + f"; peak MB above rest {', '.join(f'{value:.0f}' for value in peaks)}"
            )


if __name__ == "__main__":
    main()
