"""The int8 variant of a graph: constant MatMul and Gemm weights only, per output channel, activations at run time.

Convolutions stay in float32 (the default recipe makes 1x1 and small convolutions slower), and so do the modules named
in `keep_float`: the geometry branch projects hundreds of coordinates whose differences are smaller than one step of an
8-bit scale. Weights use the full 8 bits: on processors without VNNI instructions ONNX Runtime's kernels may saturate;
compare there with `export.graphs.parity`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

# "" is the top of the network: the projections on the principal components are called there, not inside a module.
KEEP_FLOAT = (
    "",
    "geometry_branch",
    "displacement",
    "fused_head",
    "geometry_head",
    "closeup_head",
    "asymmetry_map",
    "visibility",
)
QUANTISED = ("MatMul", "Gemm")


def write_int8(source: Path, target: Path, *, keep_float: Sequence[str] = KEEP_FLOAT) -> int:
    """Quantises the graph in `source` into `target`; returns how many products became 8-bit."""
    model = onnx.load(source)
    excluded = [
        node.name
        for node in model.graph.node
        if node.op_type in QUANTISED and any(part in keep_float for part in node.name.split("/")[0].split("."))
    ]
    root_log = logging.getLogger()
    level = root_log.level
    root_log.setLevel(logging.ERROR)  # it recommends a preprocessing step that the exporter has done
    try:
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=list(QUANTISED),
            per_channel=True,
            weight_type=QuantType.QInt8,
            # The quantiser first turns each Gemm into a MatMul of that name.
            nodes_to_exclude=excluded + [f"{name}_MatMul" for name in excluded],
        )
    finally:
        root_log.setLevel(level)
    quantised = onnx.load(target)
    quantised.producer_name = model.producer_name
    quantised.graph.ClearField("value_info")
    target.write_bytes(quantised.SerializeToString())
    return sum(node.op_type in ("MatMulInteger", "DynamicQuantizeMatMul") for node in quantised.graph.node)
