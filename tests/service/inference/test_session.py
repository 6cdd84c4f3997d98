from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from service.inference import session as session_module
from service.inference.bundle import load_bundle
from service.inference.errors import NonFiniteOutput, ProviderUnavailable
from service.inference.session import InferenceSession, open_session, zeros
from tests.onnx_factory import GRADE_III, palsy_graph, write_palsy_bundle

INPUTS = {
    "images": np.full((2, 1, 224, 224), 100, dtype=np.uint8),
    "landmarks": np.ones((2, 478, 3), dtype=np.float32),
}


@pytest.fixture
def session() -> InferenceSession:
    return InferenceSession(palsy_graph().SerializeToString())


def test_named_arrays_in_named_arrays_out(session: InferenceSession) -> None:
    outputs = session.run(INPUTS)
    assert outputs["grade_logits"].shape == (2, 5)
    np.testing.assert_allclose(outputs["grade_logits"][1], GRADE_III)
    assert outputs["roi_maps"].shape == (2, 5, 32, 32)


def test_the_signature_leaves_out_the_batch_axis(session: InferenceSession) -> None:
    inputs, outputs = session.signature()
    assert {(tensor.name, tensor.dtype, tensor.shape) for tensor in inputs} == {
        ("images", "uint8", (1, 224, 224)),
        ("landmarks", "float32", (478, 3)),
    }
    assert {tensor.name: tensor.shape for tensor in outputs}["asymmetry_map"] == (32, 32)


def test_not_finite_is_an_error() -> None:
    session = InferenceSession(palsy_graph(not_finite=True).SerializeToString())
    with pytest.raises(NonFiniteOutput, match="'grade_logits' holds 10 values"):
        session.run(INPUTS)


def test_several_threads_may_run_at_once(session: InferenceSession) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: session.run(INPUTS)["grade_logits"], range(32)))
    assert all(np.array_equal(result, results[0]) for result in results)


def test_a_bundle_is_opened_and_warmed_up(tmp_path: Path) -> None:
    bundle = load_bundle(write_palsy_bundle(tmp_path / "palsy"))
    outputs = open_session(bundle).run(zeros(bundle.manifest.input.tensors, batch=3))
    assert len(outputs["side_logits"]) == 3


def test_threads_must_be_positive() -> None:
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        InferenceSession(palsy_graph().SerializeToString(), threads=0)


@pytest.mark.skipif("CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="a GPU build")
def test_a_gpu_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ProviderUnavailable, match="CUDAExecutionProvider was asked for"):
        InferenceSession(palsy_graph().SerializeToString(), provider="cuda")


def test_the_session_is_asked_and_not_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine with the GPU wheel and no GPU: the list has CUDA, the session falls back to the CPU."""
    real = onnxruntime.InferenceSession
    preloaded: list[str] = []

    def fallback(model: bytes, *, sess_options: object, providers: list[str]) -> onnxruntime.InferenceSession:
        assert preloaded == ["CUDA's wheels"]
        assert providers == ["CUDAExecutionProvider"]
        return real(model, sess_options=sess_options, providers=["CPUExecutionProvider"])

    listed = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(session_module.onnxruntime, "get_available_providers", lambda: listed)
    monkeypatch.setattr(session_module.onnxruntime, "preload_dlls", lambda: preloaded.append("CUDA's wheels"))
    monkeypatch.setattr(session_module.onnxruntime, "InferenceSession", fallback)
    with pytest.raises(ProviderUnavailable, match="the session has CPUExecutionProvider"):
        InferenceSession(palsy_graph().SerializeToString(), provider="cuda")


def test_no_device_id_is_kept(tmp_path: Path) -> None:
    """ONNX Runtime's own reports begin with a device id below the home folder, at its import."""
    code = (
        "from service.inference.session import InferenceSession; import sys; InferenceSession(sys.stdin.buffer.read())"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        input=palsy_graph().SerializeToString(),
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    assert list(tmp_path.iterdir()) == []
