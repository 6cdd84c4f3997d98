"""Ten thousand mutated images (JPEG, PNG, WebP, TIFF): no 5xx and no crash."""

import os
import random
import threading
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests import factories
from tests.ops.live_service import GRADE, live_service, write_figures

pytestmark = pytest.mark.slow

IMAGES = int(os.environ.get("HTNET_PROOF_IMAGES", "10000"))
KINDS = ("jpeg", "png", "webp", "tiff")
CLIENTS = 2


def mutate(data: bytes, generator: random.Random) -> bytes:
    """Bytes changed, cut, doubled, moved, or written over; more often near the head, where the sizes are."""
    mutant = bytearray(data)
    for _ in range(generator.choice((1, 1, 2, 4, 16, 64))):
        size = len(mutant)
        at = generator.randrange(min(size, 200)) if generator.random() < 0.5 else generator.randrange(size)
        length = generator.randrange(1, 64)
        kind = generator.randrange(6)
        if kind == 0:
            mutant[at] ^= 1 << generator.randrange(8)
        elif kind == 1:
            mutant[at] = generator.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif kind == 2:
            del mutant[at : at + length]
        elif kind == 3:
            mutant[at:at] = generator.randbytes(length)
        elif kind == 4:
            mutant[at:at] = mutant[at : at + length]
        else:
            del mutant[max(at, 16) :]
        if len(mutant) < 2:
            return bytes(mutant) or b"\x00"
    return bytes(mutant)


def test_no_image_causes_a_server_error(tmp_path: Path, tiny_models: Path) -> None:
    face = np.ascontiguousarray(factories.astronaut()[0:256, 96:352])
    originals = [factories.encode(face, kind) for kind in KINDS]
    statuses: dict[int, int] = {}
    failures: list[tuple[int, int]] = []
    lock = threading.Lock()
    numbers = iter(range(IMAGES))

    with live_service(tmp_path, tiny_models, running_max=2, queue_max=8, log_level="warning") as live:
        (worker,) = live.workers()

        def ask() -> None:
            with httpx.Client(base_url=live.url, timeout=60) as client:
                while True:
                    with lock:
                        number = next(numbers, None)
                    if number is None:
                        return
                    image = mutate(originals[number % len(KINDS)], random.Random(number))
                    answer = client.post(GRADE, params={"heatmap": False}, files={"image": image})
                    with lock:
                        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
                        if answer.status_code >= 500:
                            failures.append((number, answer.status_code))

        threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert live.process.poll() is None, "the service crashed"
        assert live.workers() == [worker]
    write_figures(
        "mutated-images",
        {
            "images": sum(statuses.values()),
            "kinds": list(KINDS),
            "statuses": {str(status): count for status, count in sorted(statuses.items())},
            "server_errors": failures[:20],
        },
    )
    assert sum(statuses.values()) == IMAGES
    assert not failures
