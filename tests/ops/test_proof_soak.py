"""Twenty thousand requests to the shipped models: resident memory grows by less than 1 MB per 1,000."""

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest

from face.landmarks.landmarker import FaceLandmarker
from tests import factories
from tests.face.microexpression.test_input import SMILE, warped
from tests.ops.live_service import ASSESS, EMOTION, FIGURES, GRADE, ROOT, figures_are_kept, live_service, write_figures
from tests.service.api.write_assessment_example import PATIENT

pytestmark = pytest.mark.slow

REQUESTS = int(os.environ.get("HTNET_PROOF_REQUESTS", "20000"))
WARM_UP = min(1000, REQUESTS // 4)
CLIENTS = 2
SAMPLE_EVERY = 100
LIMIT_BYTES_PER_1000 = 1_000_000


@dataclass(frozen=True)
class Photographs:
    """Real photographs small enough that twenty thousand take minutes."""

    graded: Sequence[bytes]
    session: Mapping[str, bytes]
    onset: bytes
    apex: bytes


@pytest.fixture(scope="module")
def photographs(face_landmarker: FaceLandmarker) -> Photographs:
    """A face as JPEG and, in another size, as PNG; a photograph without a face; and a pair with a small movement."""
    face = np.ascontiguousarray(factories.astronaut()[0:256, 96:352])
    (found,) = face_landmarker.detect(face)
    return Photographs(
        graded=[
            factories.jpeg(face),
            factories.encode(face[:, :240], "png"),
            factories.jpeg(factories.no_face()[:256, :256]),
        ],
        session={pose: (PATIENT / f"{pose}.jpg").read_bytes() for pose in ("rest", "brow_lift", "full_smile")},
        onset=factories.jpeg(face),
        apex=factories.jpeg(warped(face, found, SMILE, 3)),
    )


def ask(client: httpx.Client, photographs: Photographs, number: int) -> int:
    """The ``number``-th request's status: every 50th is an examination of three pictures, every 20th a pair; every
    fourth grading draws its map."""
    if number % 50 == 0:
        return client.post(ASSESS, files=dict(photographs.session)).status_code
    if number % 20 == 0:
        pair = {"onset": photographs.onset, "apex": photographs.apex}
        return client.post(EMOTION, params={"heatmap": number % 40 == 0}, files=pair).status_code
    image = photographs.graded[number % len(photographs.graded)]
    return client.post(GRADE, params={"heatmap": number % 4 == 0}, files={"image": image}).status_code


def test_memory_does_not_grow(tmp_path: Path, photographs: Photographs) -> None:
    samples: list[tuple[int, int]] = []
    statuses: dict[int, int] = {}
    lock = threading.Lock()
    numbers = iter(range(1, REQUESTS + 1))

    # An examination waits for as many places as it has pictures.
    settings = {"running_max": 2, "queue_max": 8, "queue_wait_s": 30, "log_level": "warning"}
    with live_service(tmp_path, ROOT / "models", **settings) as live:

        def keep_asking() -> None:
            with httpx.Client(base_url=live.url, timeout=60) as client:
                while True:
                    with lock:
                        number = next(numbers, None)
                    if number is None:
                        return
                    status = ask(client, photographs, number)
                    with lock:
                        statuses[status] = statuses.get(status, 0) + 1
                        if number % SAMPLE_EVERY == 0:
                            samples.append((number, live.resident_bytes()))

        threads = [threading.Thread(target=keep_asking) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(statuses.values()) == REQUESTS
    growth = report(samples, statuses)
    assert set(statuses) == {200, 422}
    assert growth < LIMIT_BYTES_PER_1000


def report(samples: list[tuple[int, int]], statuses: dict[int, int]) -> float:
    """Least-squares growth in bytes per 1,000 requests, without the warm-up."""
    numbers, resident = np.array(sorted(samples), dtype=np.float64).T
    warm = numbers >= WARM_UP
    slope, start = np.polyfit(numbers[warm] / 1000.0, resident[warm], 1)
    write_figures(
        "soak",
        {
            "requests": sum(statuses.values()),
            "statuses": {str(status): count for status, count in sorted(statuses.items())},
            "warm_up_requests": WARM_UP,
            "resident_bytes_after_warm_up": int(resident[warm][0]),
            "resident_bytes_at_end": int(resident[-1]),
            "resident_bytes_largest": int(resident.max()),
            "growth_bytes_per_1000_requests": round(float(slope)),
            "limit_bytes_per_1000_requests": LIMIT_BYTES_PER_1000,
        },
    )
    if figures_are_kept():
        draw(numbers, resident, slope=float(slope), start=float(start))
    return float(slope)


def draw(numbers: np.ndarray, resident: np.ndarray, *, slope: float, start: float) -> None:
    """docs/research/operations/soak.png: resident MB over requests, the fitted line, and the steepest allowed one."""
    from matplotlib import pyplot as plt  # half a second that the default suite need not wait for

    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    warm = numbers[numbers >= WARM_UP]
    axes.plot(numbers, resident / 1e6, label="resident memory of the worker", color="tab:blue")
    fitted = start + slope * warm / 1000.0
    axes.plot(warm, fitted / 1e6, "--", color="black", label=f"fit: {slope / 1e3:+.0f} kB per 1,000 requests")
    allowed = fitted[0] + LIMIT_BYTES_PER_1000 * (warm - warm[0]) / 1000.0
    axes.plot(warm, allowed / 1e6, ":", color="tab:red", label="limit: 1 MB per 1,000 requests")
    axes.set(xlabel="requests", ylabel="MB", title="Soak run with the shipped models", ylim=(0, None))
    axes.legend(loc="lower right")
    figure.savefig(FIGURES / "soak.png", dpi=110)
    plt.close(figure)
