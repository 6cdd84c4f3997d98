"""The float16 variant of a graph, for GPUs: weights and activations in half precision, inputs and outputs as they are.

The bytes of the image become numbers inside the graph, so nothing but bytes travels to the device. The geometry branch
stays in float32, for the reason given in export.variants.int8.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from export.variants.int8 import KEEP_FLOAT

_FLOAT16 = onnx.TensorProto.FLOAT16


def write_float16(source: Path, target: Path, *, keep_float: Sequence[str] = KEEP_FLOAT) -> int:
    """Converts the graph in `source` into `target`; returns how many of its weights became half precision."""
    model = onnx.load(source)
    kept = [node.name for node in model.graph.node if set(node.name.split("/")[0].split(".")) & set(keep_float)]
    own = {node.name for node in model.graph.node}
    half = convert_float_to_float16(model, keep_io_types=True, node_block_list=kept)
    _drop_round_trips(half, own)
    OnnxModel(half).topological_sort()
    half.producer_name = model.producer_name
    half.graph.ClearField("value_info")
    onnx.checker.check_model(half, full_check=True)
    target.write_bytes(half.SerializeToString())
    return sum(weight.data_type == _FLOAT16 for weight in half.graph.initializer)


def _drop_round_trips(model: onnx.ModelProto, own: set[str]) -> None:
    """Takes out float32 -> float16 -> float32, which the converter puts before the nodes that are to stay exact.

    own: names of the nodes that were there before.
    """
    made_by = {output: node for node in model.graph.node for output in node.output}
    exact: dict[str, str] = {}
    for node in model.graph.node:
        if node.name in own or not _casts_to(node, onnx.TensorProto.FLOAT):
            continue
        halved = made_by.get(node.input[0])
        if halved is not None and halved.name not in own and _casts_to(halved, _FLOAT16):
            exact[node.output[0]] = halved.input[0]
    answers = {item.name for item in model.graph.output}
    kept = []
    for node in model.graph.node:
        if node.output[0] in exact and node.output[0] in answers:
            node = onnx.helper.make_node("Identity", [exact[node.output[0]]], node.output, name=node.name)
        elif node.output[0] in exact:
            continue
        for place, name in enumerate(node.input):
            node.input[place] = exact.get(name, name)
        kept.append(node)
    used = answers.union(*(node.input for node in kept))
    del model.graph.node[:]
    model.graph.node.extend(node for node in kept if used.intersection(node.output))


def _casts_to(node: onnx.NodeProto, kind: int) -> bool:
    return node.op_type == "Cast" and node.attribute[0].i == kind
