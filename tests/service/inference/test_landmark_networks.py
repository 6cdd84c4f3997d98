from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from face.landmarks.landmarker import FaceLandmarker
from face.landmarks.networks import LiteRtNetworks
from service.inference.errors import BundleError
from service.inference.landmark_networks import FOLDER, SHA256, LandmarkGraphs
from tests import factories


def test_the_graphs_see_what_litert_sees() -> None:
    rng = np.random.default_rng(5)
    pictures = rng.random((3, 128, 128, 3), dtype=np.float32) * 2 - 1
    own, graphs = LiteRtNetworks(), LandmarkGraphs()
    for ours, theirs in zip(own.detect(pictures), graphs.detect(pictures), strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


@pytest.mark.parametrize("batch_max", [1, 8])
def test_a_face_has_the_same_points(batch_max: int) -> None:
    rgb = factories.astronaut()
    graphs = LandmarkGraphs(batch_max=batch_max)
    with FaceLandmarker() as own, FaceLandmarker(networks=graphs) as other:
        ours = own.look(rgb, policy="single", both_ways=True)
        with ThreadPoolExecutor(3) as pool:
            looks = list(pool.map(lambda _: other.look(rgb, policy="single", both_ways=True), range(3)))
    graphs.close()
    for look in looks:
        assert np.abs(look.face.points - ours.face.points).max() < 0.01
        assert look.certainty == pytest.approx(ours.certainty, abs=1e-3)


@pytest.mark.gpu
def test_a_gpu_sees_the_same_face() -> None:
    rgb = factories.astronaut()
    graphs = LandmarkGraphs(provider="cuda", batch_max=8)
    with FaceLandmarker() as own, FaceLandmarker(networks=graphs) as other:
        ours, theirs = (one.look(rgb, policy="single", both_ways=True) for one in (own, other))
    graphs.close()
    assert np.abs(theirs.face.points - ours.face.points).max() < 0.1


def test_another_graph_is_not_run(tmp_path: Path) -> None:
    for name in SHA256:
        (tmp_path / f"{name}.onnx").write_bytes((FOLDER / f"{name}.onnx").read_bytes() + b"\0")
    with pytest.raises(BundleError, match="SHA-256"):
        LandmarkGraphs(folder=tmp_path)
    with pytest.raises(BundleError, match="cannot be read"):
        LandmarkGraphs(folder=tmp_path / "elsewhere")
