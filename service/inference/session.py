"""A graph that runs: ONNX Runtime behind a small protocol, so that tests inject a stand-in and the rest of the
service never imports it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime

from service.inference.bundle import Bundle
from service.inference.device_buffers import DeviceBuffers
from service.inference.errors import BundleError, NonFiniteOutput, ProviderUnavailable
from service.inference.manifest import TensorSpec, Variant

Array = npt.NDArray[Any]
Provider = Literal["cpu", "cuda"]

PROVIDERS: dict[Provider, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_DTYPES = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}


class Session(Protocol):
    """Named arrays in, named arrays out, both with a leading batch axis."""

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]: ...


class InferenceSession:
    """One loaded graph. `run` may be called from several threads at once.

    model: a path, or the graph's bytes. threads: of one call; more calls at a time scale better than more threads a
    call, hence 1. provider_options: ONNX Runtime's, by their names. Raises ProviderUnavailable if the provider is not
    there: what the session really has is asked, because the wheel lists CUDA as available on machines that have none,
    and ONNX Runtime then falls back to the CPU without an error.
    """

    def __init__(
        self,
        model: Path | bytes,
        *,
        provider: Provider = "cpu",
        threads: int = 1,
        provider_options: Mapping[str, str] | None = None,
    ) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        wanted = PROVIDERS[provider]
        available = onnxruntime.get_available_providers()
        if wanted not in available:
            raise ProviderUnavailable(
                f"{wanted} was asked for, but the installed onnxruntime has only {', '.join(available)}. "
                "Install onnxruntime-gpu in place of onnxruntime, or set the provider to cpu (HTNET_PROVIDER)."
            )
        if provider == "cuda":
            # CUDA and cuDNN come as wheels, where the loader does not look by itself.
            onnxruntime.preload_dlls()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        # Threads that spin while they wait take the processor from the other requests.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model),
            sess_options=options,
            providers=[(wanted, dict(provider_options)) if provider_options else wanted],
        )
        self.providers: tuple[str, ...] = tuple(self._session.get_providers())
        if wanted not in self.providers:
            raise ProviderUnavailable(
                f"{wanted} was asked for, but the session has {', '.join(self.providers)}: there is no usable device "
                "or its libraries are missing. Mend the GPU setup, or set the provider to cpu (HTNET_PROVIDER)."
            )
        self.input_names: tuple[str, ...] = tuple(item.name for item in self._session.get_inputs())
        self.output_names: tuple[str, ...] = tuple(item.name for item in self._session.get_outputs())
        self._buffers = DeviceBuffers(self._session, *self.signature(), device="cuda") if provider == "cuda" else None

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Raises NonFiniteOutput if any output holds NaN or infinity."""
        if self._buffers is not None:
            values = self._buffers.run(inputs)
        else:
            values = self._session.run(self.output_names, {name: inputs[name] for name in self.input_names})
        outputs: dict[str, Array] = dict(zip(self.output_names, values, strict=True))
        for name, value in outputs.items():
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                count = np.count_nonzero(~np.isfinite(value))
                raise NonFiniteOutput(f"the model's output {name!r} holds {count} values that are not finite")
        return outputs

    def signature(self) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        """(inputs, outputs) as the graph declares them, without the batch axis; an open dimension is None."""
        return _specs(self._session.get_inputs()), _specs(self._session.get_outputs())


def open_session(
    bundle: Bundle,
    *,
    provider: Provider = "cpu",
    threads: int = 1,
    variant: Variant | None = None,
    warm_up_runs: int = 2,
) -> InferenceSession:
    """A session on a verified bundle's graph whose inputs and outputs are the manifest's, warmed up. Raises
    BundleError, ProviderUnavailable.
    """
    path = bundle.model_path(variant)
    data = bundle.read_model(variant)
    try:
        session = InferenceSession(data, provider=provider, threads=threads)
    except ProviderUnavailable:
        raise
    except Exception as error:  # ONNX Runtime raises a dozen unrelated classes for a graph that it cannot read
        raise BundleError(path, f"ONNX Runtime cannot load it ({error})") from error
    inputs, outputs = session.signature()
    _compare(path, inputs, bundle.manifest.input.tensors, field="input.tensors")
    _compare(path, outputs, bundle.manifest.outputs, field="outputs")
    for _ in range(warm_up_runs):
        session.run(zeros(bundle.manifest.input.tensors))
    return session


def zeros(tensors: Sequence[TensorSpec], *, batch: int = 1) -> dict[str, Array]:
    """Zeros in the shape of a graph's inputs; an open axis becomes 1."""
    return {
        tensor.name: np.zeros((batch, *(1 if size is None else size for size in tensor.shape)), dtype=tensor.dtype)
        for tensor in tensors
    }


def _specs(nodes: Sequence[Any]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec.model_construct(
            name=node.name,
            dtype=_DTYPES.get(node.type, node.type),
            shape=tuple(size if isinstance(size, int) else None for size in (node.shape or [None])[1:]),
        )
        for node in nodes
    )


def _compare(path: Path, graph: tuple[TensorSpec, ...], manifest: tuple[TensorSpec, ...], *, field: str) -> None:
    found, named = {t.name: t for t in graph}, {t.name: t for t in manifest}
    if found.keys() != named.keys():
        raise BundleError(
            path, f"the graph has {', '.join(sorted(found))}, the manifest says {', '.join(sorted(named))}", field=field
        )
    for name, tensor in named.items():
        if found[name].dtype != tensor.dtype:
            raise BundleError(
                path,
                f"the graph's dtype is {found[name].dtype}, the manifest says {tensor.dtype}",
                field=f"{field}.{name}.dtype",
            )
        shape = found[name].shape
        agree = len(shape) == len(tensor.shape) and all(
            a is None or b is None or a == b for a, b in zip(shape, tensor.shape, strict=True)
        )
        if not agree:
            raise BundleError(
                path,
                f"the graph's shape is {list(shape)}, the manifest says {list(tensor.shape)}",
                field=f"{field}.{name}.shape",
            )
