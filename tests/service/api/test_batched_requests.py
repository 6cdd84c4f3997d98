"""Batches over real HTTP: a listening server, concurrent clients, the CPU in the place of a GPU."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn

from service.app import create_app
from service.config import Settings
from service.inference.session import Array, InferenceSession
from tests.onnx_factory import write_palsy_bundle
from tests.service.api.conftest import jpeg_of

REQUESTS = 16


@pytest.fixture
def batch_sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Fills with the batch of every run of a graph."""
    sizes: list[int] = []
    run = InferenceSession.run

    def counted(session: InferenceSession, inputs: Mapping[str, Array]) -> dict[str, Array]:
        sizes.append(len(inputs["images"]))
        time.sleep(0.1)  # long enough for the others to arrive
        return run(session, inputs)

    monkeypatch.setattr(InferenceSession, "run", counted)
    return sizes


@pytest.fixture
def address(tmp_path: Path, batch_sizes: list[int]) -> Iterator[str]:
    assert not batch_sizes  # counting begins before the server does
    write_palsy_bundle(tmp_path / "palsy")
    settings = Settings(
        models_dir=tmp_path, audit_url="", batch_max=4, running_max=4, queue_max=REQUESTS, queue_wait_s=60
    )
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(30)


def test_concurrent_requests_share_runs_and_keep_their_answers(
    address: str, batch_sizes: list[int], photo: np.ndarray
) -> None:
    batch_sizes.clear()  # those of the warm-up
    pictures = [jpeg_of(photo), jpeg_of(np.ascontiguousarray(photo[:, ::-1])), b"not a photograph"]
    with httpx.Client(base_url=address, timeout=60) as client, ThreadPoolExecutor(REQUESTS) as pool:
        answers = list(
            pool.map(
                lambda index: client.post("/v1/palsy/grade", content=pictures[index % 3]),
                range(REQUESTS),
            )
        )
    for index, answer in enumerate(answers):
        assert answer.status_code == (415 if index % 3 == 2 else 200), answer.text
    # A mirrored photograph has its eyes elsewhere: no answer went to another caller.
    polygons = [answer.json()["regions"] for index, answer in enumerate(answers) if index % 3 == 0]
    mirrored = [answer.json()["regions"] for index, answer in enumerate(answers) if index % 3 == 1]
    assert all(one == polygons[0] for one in polygons)
    assert all(one == mirrored[0] for one in mirrored)
    assert polygons[0] != mirrored[0]
    assert sum(batch_sizes) == len(polygons) + len(mirrored)
    assert 1 < max(batch_sizes) <= 4
