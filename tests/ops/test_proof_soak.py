"""Twenty thousand requests: resident memory grows by less than 1 MB per 1,000."""

import os
import threading
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests import factories
from tests.ops.live_service import GRADE, live_service, write_figures

pytestmark = pytest.mark.slow

REQUESTS = int(os.environ.get("HTNET_PROOF_REQUESTS", "20000"))
WARM_UP = 1000
CLIENTS = 2
LIMIT_BYTES_PER_1000 = 1_000_000


def photographs() -> list[bytes]:
    """Real photographs small enough that twenty thousand take minutes: a face, another size, and none."""
    face = np.ascontiguousarray(factories.astronaut()[0:256, 96:352])
    return [
        factories.jpeg(face),
        factories.encode(face[:, :240], "png"),
        factories.jpeg(factories.no_face()[:256, :256]),
    ]


def test_memory_does_not_grow(tmp_path: Path, tiny_models: Path) -> None:
    images = photographs()
    samples: list[tuple[int, int]] = []
    statuses: dict[int, int] = {}
    lock = threading.Lock()
    done = 0

    with live_service(tmp_path, tiny_models, running_max=2, queue_max=8, log_level="warning") as live:

        def ask() -> None:
            nonlocal done
            with httpx.Client(base_url=live.url, timeout=60) as client:
                while True:
                    with lock:
                        if done >= REQUESTS:
                            return
                        done += 1
                        number = done
                    # The map is drawn on every fourth: it is the part that allocates most.
                    answer = client.post(
                        GRADE,
                        params={"heatmap": number % 4 == 0},
                        files={"image": images[number % len(images)]},
                    )
                    with lock:
                        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
                        if number % 250 == 0:
                            samples.append((number, live.resident_bytes()))
                        if number % 1000 == 0:
                            report(samples, statuses)

        threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    growth = report(samples, statuses)
    assert set(statuses) == {200, 422}
    assert growth < LIMIT_BYTES_PER_1000


def report(samples: list[tuple[int, int]], statuses: dict[int, int]) -> float:
    """Least-squares growth in bytes per 1,000 requests, without the warm-up; written as it goes."""
    warm = [(number, resident) for number, resident in samples if number >= WARM_UP]
    if len(warm) < 2:
        return 0.0
    numbers, resident = np.array(warm, dtype=np.float64).T
    growth = float(np.polyfit(numbers / 1000.0, resident, 1)[0])
    write_figures(
        "soak",
        {
            "requests": sum(statuses.values()),
            "statuses": {str(status): count for status, count in sorted(statuses.items())},
            "resident_bytes_after_warm_up": int(resident[0]),
            "resident_bytes_at_end": int(resident[-1]),
            "resident_bytes_largest": int(resident.max()),
            "growth_bytes_per_1000_requests": round(growth),
            "limit_bytes_per_1000_requests": LIMIT_BYTES_PER_1000,
        },
    )
    return growth
