from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from service.inference.batching import BatchingSession
from service.inference.errors import BatchQueueFull, NonFiniteOutput
from service.inference.session import Array, InferenceSession
from tests.onnx_factory import palsy_graph

BAD = -1.0


class Doubling:
    """A graph that holds each batch until told to go on, and fails for the whole batch if one row is BAD."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        rows = [float(row) for row in inputs["x"]]
        self.batches.append(rows)
        self.entered.release()
        assert self.go_on.wait(10)
        if BAD in rows:
            raise NonFiniteOutput("one row is bad")
        return {"y": 2 * inputs["x"]}


def image(value: float) -> dict[str, Array]:
    return {"x": np.array([value])}


@pytest.fixture
def graph() -> Doubling:
    return Doubling()


@pytest.fixture
def session(graph: Doubling) -> Iterator[BatchingSession]:
    batching = BatchingSession(graph, batch_max=4, queue_max=8)
    yield batching
    graph.go_on.set()
    batching.close()


def hold_first_batch(session: BatchingSession, graph: Doubling) -> Any:
    first = session.submit(image(100))
    assert graph.entered.acquire(timeout=10)
    return first


def test_what_comes_while_a_batch_runs_becomes_the_next_in_order(session: BatchingSession, graph: Doubling) -> None:
    first = hold_first_batch(session, graph)
    waiting = [session.submit(image(value)) for value in range(6)]
    graph.go_on.set()
    assert [float(future.result(10)["y"][0]) for future in (first, *waiting)] == [200, 0, 2, 4, 6, 8, 10]
    assert graph.batches == [[100], [0, 1, 2, 3], [4, 5]]


def test_a_lone_call_does_not_wait(session: BatchingSession, graph: Doubling) -> None:
    graph.go_on.set()
    answer = session.run(image(7))
    assert answer["y"].shape == (1,)
    assert answer["y"][0] == 14


def test_one_bad_image_fails_alone(session: BatchingSession, graph: Doubling) -> None:
    hold_first_batch(session, graph)
    good, bad, other = (session.submit(image(value)) for value in (1, BAD, 3))
    graph.go_on.set()
    assert good.result(10)["y"][0] == 2
    assert other.result(10)["y"][0] == 6
    with pytest.raises(NonFiniteOutput):
        bad.result(10)


def test_beyond_the_queue_is_refused_at_once(session: BatchingSession, graph: Doubling) -> None:
    hold_first_batch(session, graph)
    waiting = [session.submit(image(value)) for value in range(8)]
    with pytest.raises(BatchQueueFull, match="8 calls wait"):
        session.submit(image(9))
    graph.go_on.set()
    assert [float(future.result(10)["y"][0]) for future in waiting] == [2.0 * value for value in range(8)]


def test_a_cancelled_call_is_not_computed(session: BatchingSession, graph: Doubling) -> None:
    hold_first_batch(session, graph)
    kept, dropped = session.submit(image(1)), session.submit(image(2))
    assert dropped.cancel()
    graph.go_on.set()
    assert kept.result(10)["y"][0] == 2
    with pytest.raises(CancelledError):
        dropped.result(10)
    assert graph.batches[1:] == [[1]]


def test_closing_answers_what_waits_and_takes_nothing_new(session: BatchingSession, graph: Doubling) -> None:
    hold_first_batch(session, graph)
    waiting = session.submit(image(5))
    closing = threading.Thread(target=session.close)
    closing.start()
    graph.go_on.set()
    closing.join(10)
    assert not closing.is_alive()
    assert waiting.result(0)["y"][0] == 10
    with pytest.raises(RuntimeError, match="closed"):
        session.submit(image(6))
    session.close()


def test_only_single_images_and_positive_limits(session: BatchingSession, graph: Doubling) -> None:
    with pytest.raises(ValueError, match="one image"):
        session.submit({"x": np.zeros(2)})
    for limits in ({"batch_max": 0}, {"queue_max": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            BatchingSession(graph, **limits)


def test_answers_are_those_of_the_graph_alone() -> None:
    graph = InferenceSession(palsy_graph().SerializeToString())
    draw = np.random.default_rng(0)
    inputs = [
        {
            "images": draw.integers(0, 256, (1, 1, 224, 224), dtype=np.uint8),
            "landmarks": draw.normal(size=(1, 478, 3)).astype(np.float32),
        }
        for _ in range(24)
    ]
    session = BatchingSession(graph, batch_max=8)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(session.run, inputs))
    session.close()
    for given, answer in zip(inputs, answers, strict=True):
        for name, expected in graph.run(given).items():
            np.testing.assert_allclose(answer[name], expected, rtol=1e-5, atol=1e-6)
