from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
import pytest

from service.inference.device_buffers import DeviceBuffers
from service.inference.manifest import TensorSpec
from service.inference.session import InferenceSession
from tests.onnx_factory import palsy_graph


@pytest.fixture
def graph() -> bytes:
    return palsy_graph().SerializeToString()


@pytest.fixture
def buffers(graph: bytes) -> DeviceBuffers:
    inputs, outputs = InferenceSession(graph).signature()
    return DeviceBuffers(onnxruntime.InferenceSession(graph), inputs, outputs, device="cpu")


def images(count: int, *, seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {
        "images": draw.integers(0, 256, (count, 1, 224, 224), dtype=np.uint8),
        "landmarks": draw.normal(size=(count, 478, 3)).astype(np.float32),
    }


@pytest.mark.parametrize("count", [1, 3, 4, 5])
def test_any_batch_gets_the_answers_of_a_plain_run(graph: bytes, buffers: DeviceBuffers, count: int) -> None:
    session = InferenceSession(graph)
    given = images(count)
    for name, found in zip(session.output_names, buffers.run(given), strict=True):
        np.testing.assert_allclose(found, session.run(given)[name], rtol=1e-5, atol=1e-6)


def test_an_answer_is_not_overwritten_by_the_next_and_nothing_is_left_of_the_last(buffers: DeviceBuffers) -> None:
    alone = [output.copy() for output in buffers.run(images(3, seed=1))]
    first = buffers.run(images(3, seed=1))
    buffers.run(images(4, seed=2))
    for again, before, kept in zip(buffers.run(images(3, seed=1)), alone, first, strict=True):
        np.testing.assert_array_equal(kept, before)
        np.testing.assert_array_equal(again, before)


def test_callers_in_several_threads_keep_their_answers(graph: bytes, buffers: DeviceBuffers) -> None:
    session = InferenceSession(graph)
    given = [images(1 + seed % 3, seed=seed) for seed in range(12)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(buffers.run, given))
    for one, answer in zip(given, answers, strict=True):
        for name, found in zip(session.output_names, answer, strict=True):
            np.testing.assert_allclose(found, session.run(one)[name], rtol=1e-5, atol=1e-6)


def test_an_open_dimension_cannot_be_bound(graph: bytes) -> None:
    session = onnxruntime.InferenceSession(graph)
    open_one = TensorSpec(name="images", dtype="uint8", shape=(1, None, 224))
    with pytest.raises(ValueError, match="images has an open dimension"):
        DeviceBuffers(session, [open_one], [], device="cpu")
