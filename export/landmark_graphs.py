"""The networks inside face_landmarker.task as ONNX graphs, so that one runtime serves them on a GPU in batches.

    python -m export.landmark_graphs [FOLDER]

Made once, from exactly the file that the project carries; the service holds the hashes of what comes out. Weights stay
the float16 numbers that they are in the file, and are widened when the graph is loaded.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.errors import ExportError
from face.landmarks.model_file import LANDMARK_MODEL_SHA256, find_landmark_model

FOLDER = Path(__file__).parents[1] / "service/inference/landmark_graphs"
# Network -> {its output in the file: what it is called here}.
NETWORKS = {
    "face_detector": {"regressors": "boxes", "classificators": "logits"},
    "face_landmarks_detector": {"Identity": "points", "Identity_1": "logits"},
}
OPSET = 17
PICTURES = "pictures"


def landmark_graphs(model_path: Path | None = None) -> dict[str, bytes]:
    """Network -> ONNX graph: `pictures` (N, side, side, 3) float32 -> its outputs, (N, ...) as the file has them.

    Raises what find_landmark_model raises, and ExportError for an operation that these networks do not have.
    """
    with zipfile.ZipFile(find_landmark_model(model_path)) as task:
        return {
            name: _Conversion(task.read(f"{name}.tflite"), outputs).model(name) for name, outputs in NETWORKS.items()
        }


class _Conversion:
    """One TensorFlow Lite network, whose pictures lie (N, H, W, C), to a graph whose pictures lie (N, C, H, W)."""

    def __init__(self, flatbuffer: bytes, outputs: dict[str, str]) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._network: Any = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
        self._graph = self._network.subgraphs[0]
        self._kinds = {number: kind for kind, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
        self._same = schema.Padding.SAME
        self._outputs = outputs
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        # A float32 tensor that only widens a float16 one -> that one.
        self._wide: dict[int, int] = {}

    def model(self, name: str) -> bytes:
        (source,) = self._graph.inputs
        side = int(self._shape(source)[1])
        self._add("Transpose", [PICTURES], self._name(source), perm=[0, 3, 1, 2])
        wanted = {self._tensor_name(index): index for index in self._graph.outputs}
        for operator in self._needed([wanted[name] for name in self._outputs]):
            self._convert(operator)
        ports = []
        for theirs, ours in self._outputs.items():
            shape = [int(length) for length in self._shape(wanted[theirs])[1:]]
            self._as_stored(wanted[theirs], ours)
            ports.append(helper.make_tensor_value_info(ours, TensorProto.FLOAT, ["N", *shape]))
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(PICTURES, TensorProto.FLOAT, ["N", side, side, 3])],
            ports,
            initializer=self._weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        model.producer_name, model.doc_string = "htnet-clinical", f"face_landmarker.task {LANDMARK_MODEL_SHA256}"
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())

    def _needed(self, outputs: list[int]) -> list[Any]:
        """The operators that these outputs come from, in order."""
        wanted, found = set(outputs), []
        for operator in reversed(self._graph.operators):
            if wanted & set(operator.outputs):
                wanted |= set(operator.inputs)
                found.append(operator)
        return found[::-1]

    def _convert(self, operator: Any) -> None:
        code = self._network.operatorCodes[operator.opcodeIndex]
        kind = self._kinds[max(code.builtinCode, code.deprecatedBuiltinCode)]
        inputs, output, options = list(operator.inputs), int(operator.outputs[0]), operator.builtinOptions
        if getattr(options, "fusedActivationFunction", 0):
            raise ExportError(f"{kind} with a fused activation: these networks had none when the recipe was written")
        match kind:
            case "DEQUANTIZE":
                self._wide[output] = int(inputs[0])
            case "CONV_2D" | "DEPTHWISE_CONV_2D":
                self._convolution(inputs, output, options, by_channel=kind == "DEPTHWISE_CONV_2D")
            case "MAX_POOL_2D":
                window = (options.filterHeight, options.filterWidth)
                strides = (options.strideH, options.strideW)
                pads = self._pads(int(inputs[0]), window, strides, options.padding)
                self._add(
                    "MaxPool",
                    [self._name(inputs[0])],
                    self._name(output),
                    kernel_shape=window,
                    strides=strides,
                    pads=pads,
                )
            case "ADD":
                self._add("Add", [self._name(inputs[0]), self._name(inputs[1])], self._name(output))
            case "RELU":
                self._add("Relu", [self._name(inputs[0])], self._name(output))
            case "PRELU":
                slope = self._weight(f"{self._name(output)}_slope", self._value(inputs[1]).transpose(2, 0, 1))
                self._add("PRelu", [self._name(inputs[0]), slope], self._name(output))
            case "PAD":
                n, h, w, c = self._value(inputs[1])
                sides = np.array([*(side[0] for side in (n, c, h, w)), *(side[1] for side in (n, c, h, w))], np.int64)
                pads_name = self._constant(f"{self._name(output)}_pads", sides)
                self._add("Pad", [self._name(inputs[0]), pads_name], self._name(output))
            case "RESHAPE":
                shape = np.array([0, *self._shape(output)[1:]], np.int64)
                self._as_stored(int(inputs[0]), f"{self._name(output)}_stored")
                self._add(
                    "Reshape",
                    [f"{self._name(output)}_stored", self._constant(f"{self._name(output)}_shape", shape)],
                    self._name(output),
                )
            case "CONCATENATION":
                self._add("Concat", [self._name(part) for part in inputs], self._name(output), axis=options.axis)
            case _:
                raise ExportError(f"{kind} is no operation of the landmark networks: is this another file?")

    def _convolution(self, inputs: list[int], output: int, options: Any, *, by_channel: bool) -> None:
        kernel = self._value(inputs[1])  # (out, h, w, in), or (1, h, w, channels)
        if by_channel and options.depthMultiplier != 1:
            raise ExportError(f"a depth multiplier of {options.depthMultiplier}: these networks have 1")
        strides, (_, height, width, channels) = (options.strideH, options.strideW), kernel.shape
        name = self._name(output)
        self._add(
            "Conv",
            [
                self._name(inputs[0]),
                self._weight(f"{name}_kernel", kernel.transpose(*((3, 0, 1, 2) if by_channel else (0, 3, 1, 2)))),
                self._weight(f"{name}_bias", self._value(inputs[2])),
            ],
            name,
            kernel_shape=(height, width),
            strides=strides,
            pads=self._pads(inputs[0], (height, width), strides, options.padding),
            group=channels if by_channel else 1,
        )

    def _pads(self, source: int, window: tuple[int, int], strides: tuple[int, int], padding: int) -> list[int]:
        """Before and after, as "SAME" means it: the odd pixel comes after."""
        if padding != self._same:
            return [0, 0, 0, 0]
        before, after = [], []
        for length, reach, stride in zip(self._shape(source)[1:3], window, strides, strict=True):
            missing = max((-(-int(length) // stride) - 1) * stride + reach - int(length), 0)
            before.append(missing // 2)
            after.append(missing - missing // 2)
        return [*before, *after]

    def _as_stored(self, tensor: int, name: str) -> None:
        """`name`, with the axes in the order that the file has them."""
        if len(self._shape(tensor)) == 4:
            self._add("Transpose", [self._name(tensor)], name, perm=[0, 2, 3, 1])
        else:
            self._add("Identity", [self._name(tensor)], name)

    def _value(self, tensor: int) -> np.ndarray:
        tensor = self._wide.get(int(tensor), int(tensor))
        stored = self._graph.tensors[tensor]
        kinds = {0: np.float32, 1: np.float16, 2: np.int32}
        return np.frombuffer(self._network.buffers[stored.buffer].data.tobytes(), kinds[stored.type]).reshape(
            stored.shape
        )

    def _weight(self, name: str, value: np.ndarray) -> str:
        """float16 as it is in the file, and a node that widens it, which the runtime folds."""
        if value.dtype == np.float32:
            return self._constant(name, value)
        self._add("Cast", [self._constant(f"{name}_16", value)], name, to=TensorProto.FLOAT)
        return name

    def _constant(self, name: str, value: np.ndarray) -> str:
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def _shape(self, tensor: int) -> Any:
        return self._graph.tensors[tensor].shape

    def _tensor_name(self, tensor: int) -> str:
        return str(self._graph.tensors[tensor].name.decode())

    def _name(self, tensor: int) -> str:
        return f"t{int(tensor)}"


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, graph in landmark_graphs().items():
        path = folder / f"{name}.onnx"
        path.write_bytes(graph)
        print(f"{path}: {len(graph):,} bytes, SHA-256 {hashlib.sha256(graph).hexdigest()}")


if __name__ == "__main__":
    main(sys.argv[1:])
