from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from export.checkpoint_bundle import export_checkpoint
from export.graphs.networks import PalsyGraph
from export.variants.float16 import write_float16
from service.inference.bundle import load_bundle
from service.inference.session import InferenceSession, open_session
from tests.export.test_export import palsy_checkpoint, palsy_network


@pytest.fixture(scope="module")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("half") / "bundle"
    export_checkpoint([palsy_checkpoint(folder.with_suffix(".pt"))], folder, int8=False, float16=True)
    return folder


def test_a_bundle_has_a_half_precision_variant_with_the_same_signature(bundle_folder: Path) -> None:
    bundle = load_bundle(bundle_folder)
    assert bundle.manifest.default_variant == "float32"
    inputs = PalsyGraph(palsy_network()).example_inputs(3, seed=5)
    arrays = {name: value.numpy() for name, value in inputs.items()}
    assert arrays["images"].dtype == np.uint8
    exact = open_session(bundle, variant="float32").run(arrays)
    half = open_session(bundle, variant="float16").run(arrays)
    for name, expected in exact.items():
        assert half[name].dtype == np.float32
        np.testing.assert_allclose(half[name], expected, atol=0.02, rtol=0.01)
    assert bundle.metrics["export"]["float16"]


def test_geometry_stays_exact(bundle_folder: Path) -> None:
    graph = onnx.load(bundle_folder / "model.float16.onnx").graph
    kinds = {weight.name: weight.data_type for weight in graph.initializer}
    assert TensorProto.FLOAT16 in kinds.values()
    geometry = [node for node in graph.node if "geometry_branch" in node.name]
    assert geometry
    assert not [node.name for node in geometry for name in node.input if kinds.get(name) == TensorProto.FLOAT16]
    # Landmarks differ by thousandths: on their way they are never rounded to half precision.
    readers = [node for node in graph.node if "landmarks" in node.input]
    assert readers
    assert "Cast" not in {node.op_type for node in readers}


def test_a_cast_of_the_graph_itself_stays(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["bytes"], ["numbers"], name="/Cast", to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["numbers", "weight"], ["answer"], name="geometry_branch/MatMul"),
    ]
    weight = helper.make_tensor("weight", TensorProto.FLOAT, (3, 2), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("bytes", TensorProto.UINT8, ("n", 3))],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ("n", 2))],
        [weight],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), tmp_path / "g.onnx")
    write_float16(tmp_path / "g.onnx", tmp_path / "h.onnx")
    given = {"bytes": np.array([[1, 2, 250]], dtype=np.uint8)}
    np.testing.assert_array_equal(
        InferenceSession(tmp_path / "h.onnx").run(given)["answer"],
        InferenceSession(tmp_path / "g.onnx").run(given)["answer"],
    )
