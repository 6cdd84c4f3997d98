"""A torch network -> an ONNX file: dynamic batch axis, named inputs and outputs, and nothing of the machine that made
it."""

from __future__ import annotations

import ast
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from export.errors import ExportError

OPSET = 20  # the first with Gelu as one operator
MAX_BATCH = 4096


class _PositionalNetwork(nn.Module):
    """Calls the network with positional tensors and returns its named outputs as a tuple: what the exporter traces."""

    def __init__(self, network: nn.Module, outputs: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.outputs = tuple(outputs)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        answer: Mapping[str, Tensor] = self.network(*inputs)
        return tuple(answer[name] for name in self.outputs)


def write_graph(network: nn.Module, *, inputs: Mapping[str, Tensor], outputs: Sequence[str], path: Path) -> None:
    """Exports `network(*inputs) -> {output name: tensor}` to `path`.

    inputs: example tensors in the order of the network's arguments; their first axis is the batch, at least 2 long so
    that it is not taken for a constant. Every output has the batch axis first.
    """
    short = [name for name, tensor in inputs.items() if len(tensor) < 2]
    if short:
        raise ValueError(f"example inputs need a batch of at least 2, {short[0]} has {len(inputs[short[0]])}")
    wrapped = _PositionalNetwork(network, outputs).eval()
    with torch.no_grad():
        missing = [name for name in outputs if name not in network.eval()(*inputs.values())]
    if missing:
        raise ExportError(f"the network has no output {', '.join(missing)}, which the bundle's graph needs")
    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    exporter_log = logging.getLogger("torch.onnx")
    level = exporter_log.level
    exporter_log.setLevel(logging.ERROR)  # it announces every operator library that is not installed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the exporter, not of this code
            program = torch.onnx.export(
                wrapped,
                tuple(inputs.values()),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=(tuple({0: batch} for _ in inputs),),
                verbose=False,
            )
    finally:
        exporter_log.setLevel(level)
    if program is None:
        raise ExportError("torch.onnx gave no graph")
    model = without_traces(program.model_proto)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """Names nodes by the module they come from and drops doc strings and the exporter's notes, which hold source
    paths."""
    graph = model.graph
    for index, node in enumerate(graph.node):
        notes = {note.key: note.value for note in node.metadata_props}
        node.name = f"{_module_of(notes)}/{node.op_type}_{index}"
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    holders: list[Any] = [model, graph, *graph.input, *graph.output, *graph.value_info, *graph.initializer]
    for holder in holders:
        holder.ClearField("metadata_props")
        holder.ClearField("doc_string")
    graph.ClearField("value_info")
    graph.name = "htnet"
    return model


def _module_of(notes: Mapping[str, str]) -> str:
    """The innermost module of a node, without the wrapper's own name; "" for what the exporter added itself."""
    try:
        scopes = ast.literal_eval(notes.get("pkg.torch.onnx.name_scopes", "[]"))
    except (ValueError, SyntaxError):
        return ""
    modules = [str(scope) for scope in scopes[:-1]]  # the last scope is the operator
    parts = modules[-1].split(".") if modules else []
    while parts and parts[0] == "network":
        parts.pop(0)
    return ".".join(parts)
