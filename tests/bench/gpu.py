"""The palsy network on a CUDA GPU against the device's own measured rates. Skipped, and said so, where there is
none."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from export.graphs.networks import PalsyGraph
from face.landmarks.networks import LiteRtNetworks
from service.inference.batching import BatchingSession
from service.inference.device_buffers import DeviceBuffers
from service.inference.landmark_networks import LandmarkGraphs
from service.inference.session import Array, InferenceSession, Session
from tests.bench import subject

BATCHES = (1, 8, 32, 128)
CALLERS = 64
CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
NO_GPU = "not run: no CUDA device on the machine of this report"


def measure_gpu(bundle: Path, *, rounds: int) -> dict[str, Any]:
    """-> matrix rates, for tiny and base the images/s of torch float32, bf16 and bf16 CUDA graphs per batch, and those
    of the bundle through ONNX Runtime.

    torch stands in for ONNX Runtime's CUDA provider where that is not installed; the result says which ran. Weights are
    cast once; the images arrive as bytes and are scaled inside the network.
    """
    if not torch.cuda.is_available():
        return {"skipped": NO_GPU}
    figures: dict[str, Any] = {
        "device": torch.cuda.get_device_name(0),
        "bf16_matrix_tflops": matrix_rate(torch.bfloat16),
        "float32_matrix_tflops": matrix_rate(torch.float32),
    }
    figures["onnx"] = _onnx_rates(bundle, rounds=rounds)
    figures["landmark networks"] = _landmark_rates(rounds=rounds)
    for size in ("tiny", "base"):
        figures[size] = _network_rates(subject.network(size=size, patch_size=7), rounds=rounds)
    for size in ("tiny", "base"):
        graphs = figures[size]["bf16 graphs"]
        figures[size]["batch 32 over batch 1"] = round(graphs["32"] / graphs["1"], 2)
    flops = 2 * _products(subject.network(size="base", patch_size=7))
    share = figures["base"]["bf16 graphs"]["128"] * flops / (1e12 * figures["bf16_matrix_tflops"])
    figures["base share of the bf16 matrix rate at batch 128"] = round(share, 3)
    return figures


def matrix_rate(dtype: torch.dtype, size: int = 8192) -> float:
    """Measured TFLOP/s of a square matrix product."""
    a, b = (torch.randn(size, size, device="cuda", dtype=dtype) for _ in range(2))
    return round(2 * size**3 / _seconds(lambda: a @ b, 10) / 1e12, 1)


def _network_rates(network: torch.nn.Module, *, rounds: int) -> dict[str, Any]:
    graph = PalsyGraph(network).eval().cuda()  # type: ignore[arg-type]
    rates: dict[str, Any] = {"float32": {}, "bf16": {}, "bf16 graphs": {}}
    for batch in BATCHES:
        inputs = [tensor.cuda() for tensor in graph.cpu().example_inputs(batch).values()]
        graph.cuda()

        def run(inputs: list[torch.Tensor] = inputs) -> object:
            with torch.no_grad():
                return graph(*inputs)

        def run_bf16(inputs: list[torch.Tensor] = inputs) -> object:
            with torch.no_grad(), torch.autocast("cuda", dtype=torch.bfloat16):
                return graph(*inputs)

        rates["float32"][str(batch)] = round(batch / _seconds(run, rounds), 1)
        rates["bf16"][str(batch)] = round(batch / _seconds(run_bf16, rounds), 1)
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            run_bf16()
        rates["bf16 graphs"][str(batch)] = round(batch / _seconds(captured.replay, rounds), 1)
    return rates


def _onnx_rates(bundle: Path, *, rounds: int) -> dict[str, Any]:
    """Images/s by graph, way and batch, host memory to host memory; and what callers with one image each get."""
    available = onnxruntime.get_available_providers()
    if CUDA not in available:
        return {"skipped": "this onnxruntime has no CUDA provider; the torch rows stand in for it"}
    ways: dict[str, tuple[str, dict[str, str], bool]] = {
        "plain": (CUDA, {}, False),
        "bound buffers": (CUDA, {}, True),
        "CUDA graph": (CUDA, {"enable_cuda_graph": "1"}, True),
        "TensorRT": (TENSORRT, {"trt_fp16_enable": "1"}, True),
    }
    rates: dict[str, Any] = {}
    examples = PalsyGraph(subject.network())
    for graph in ("model.onnx", "model.float16.onnx"):
        for way, (provider, settings, bound) in ways.items():
            if provider not in available:
                rates[f"{graph}, {way}"] = "not run: the provider is not installed"
                continue
            row = rates[f"{graph}, {way}"] = {}
            for batch in BATCHES:
                inputs = {name: tensor.numpy() for name, tensor in examples.example_inputs(batch).items()}
                try:
                    run = _onnx_run(bundle / graph, provider, settings, inputs, bound=bound)
                    row[str(batch)] = round(batch / _seconds(run, rounds), 1)
                except Exception as error:  # a graph with nodes that a provider lacks has no CUDA graph
                    row[str(batch)] = f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
        session = InferenceSession(bundle / graph, provider="cuda")
        one = {name: tensor.numpy()[:1] for name, tensor in examples.example_inputs(2).items()}
        rates[f"{graph}, {CALLERS} callers"] = batching_gain(session, one, calls=CALLERS * rounds)
    return rates


def _landmark_rates(*, rounds: int) -> dict[str, Any]:
    """Crops/s of the landmark network by batch; LandmarkGraphs' points against LiteRT's, in pixels of the crop."""
    if CUDA not in onnxruntime.get_available_providers():
        return {"skipped": "this onnxruntime has no CUDA provider"}
    graphs, crop = LandmarkGraphs(provider="cuda"), subject.landmark_crop()
    away = np.abs(graphs.landmarks(crop[None])[0] - LiteRtNetworks().landmarks(crop[None])[0]).max()
    rates = {}
    for batch in BATCHES:
        run = partial(graphs.landmarks, np.repeat(crop[None], batch, axis=0))
        rates[str(batch)] = round(batch / _seconds(run, rounds), 1)
    return {"crops/s by batch": rates, "largest difference from LiteRT, px": round(float(away), 4)}


def _onnx_run(
    graph: Path, provider: str, settings: dict[str, str], inputs: Mapping[str, Array], *, bound: bool
) -> Callable[[], object]:
    # A session for each batch size: a captured CUDA graph has one shape.
    session = onnxruntime.InferenceSession(str(graph), providers=[(provider, settings)])
    if not bound:
        return lambda: session.run(None, dict(inputs))
    buffers = DeviceBuffers(session, *InferenceSession(graph).signature(), device="cuda")
    return lambda: buffers.run(inputs)


def batching_gain(session: Session, one: Mapping[str, Array], *, calls: int, callers: int = CALLERS) -> dict[str, Any]:
    """Images/s of callers with one image each, through a BatchingSession, over those of one after another."""
    session.run(one)
    started = time.perf_counter()
    for _ in range(calls // callers):
        session.run(one)
    alone = (calls // callers) / (time.perf_counter() - started)
    batching = BatchingSession(session, batch_max=callers, queue_max=calls)
    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(batching.run, [one] * callers))  # buffers of every size are made here
        started = time.perf_counter()
        list(pool.map(batching.run, [one] * calls))
        together = calls / (time.perf_counter() - started)
    batching.close()
    return {"alone": round(alone, 1), "batched": round(together, 1), "ratio": round(together / alone, 2)}


def _seconds(work: Callable[[], object], rounds: int) -> float:
    for _ in range(3):
        work()
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(rounds):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / rounds


def _products(network: torch.nn.Module) -> int:
    """Multiply-adds of one image, counted on the CPU by torch's own counter."""
    from torch.utils.flop_counter import FlopCounterMode

    graph = PalsyGraph(network)  # type: ignore[arg-type]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        graph(*graph.example_inputs(1).values())
    return int(counter.get_total_flops()) // 2
