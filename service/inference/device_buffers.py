"""Inputs and outputs that stay on the device: a GPU run copies bytes there and answers back, and allocates nothing.

A batch is filled up to the next power of two, so that a few sets of buffers serve every size and the device sees shapes
that it has prepared for.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from service.inference.manifest import TensorSpec

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class _Buffers:
    """Of one batch size. host: what is copied to the device, by input; device: where outputs appear, by name."""

    binding: Any
    host: dict[str, Array]
    inputs: dict[str, Any]
    outputs: dict[str, Any]


class DeviceBuffers:
    """Runs a session with bound buffers; one batch at a time, for callers from any thread.

    inputs, outputs: without the batch axis and with no open dimension. device: 'cuda', or 'cpu' to try it out.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        *,
        device: str,
    ) -> None:
        for tensor in (*inputs, *outputs):
            if None in tensor.shape:
                raise ValueError(f"{tensor.name} has an open dimension besides the batch: {list(tensor.shape)}")
        self._session = session
        self._inputs = tuple(inputs)
        self._outputs = tuple(outputs)
        self._device = device
        self._lock = threading.Lock()
        self._by_size: dict[int, _Buffers] = {}

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """Outputs in the order of `outputs`, as arrays of their own."""
        count = len(inputs[self._inputs[0].name])
        size = 1 << (count - 1).bit_length()
        with self._lock:
            if size not in self._by_size:
                self._by_size[size] = self._allocate(size)
            buffers = self._by_size[size]
            for tensor in self._inputs:
                staged = buffers.host[tensor.name]
                staged[:count] = inputs[tensor.name]
                staged[count:] = 0
                buffers.inputs[tensor.name].update_inplace(staged)
            self._session.run_with_iobinding(buffers.binding)
            return [np.array(buffers.outputs[tensor.name].numpy()[:count]) for tensor in self._outputs]

    def _allocate(self, size: int) -> _Buffers:
        def on_device(tensor: TensorSpec) -> Any:
            shape = [size, *(side for side in tensor.shape if side is not None)]
            return onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, np.dtype(tensor.dtype).type, self._device)

        inputs = {tensor.name: on_device(tensor) for tensor in self._inputs}
        outputs = {tensor.name: on_device(tensor) for tensor in self._outputs}
        binding = self._session.io_binding()
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, value)
        for name, value in outputs.items():
            binding.bind_ortvalue_output(name, value)
        host = {t.name: np.zeros(inputs[t.name].shape(), dtype=t.dtype) for t in self._inputs}
        return _Buffers(binding=binding, host=host, inputs=inputs, outputs=outputs)
