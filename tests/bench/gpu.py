"""The palsy network on a CUDA GPU against the device's own measured rates. Skipped, and said so, where there is
none."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from export.networks import PalsyGraph
from tests.bench import subject

BATCHES = (1, 8, 32, 128)
NO_GPU = "not run: no CUDA device on the machine of this report"


def measure_gpu(*, rounds: int) -> dict[str, Any]:
    """-> matrix rates, and for tiny and base the images/s of torch float32, bf16 and bf16 CUDA graphs per batch.

    torch stands in for ONNX Runtime's CUDA provider where that is not installed; the result says which ran. Weights are
    cast once; the images arrive as bytes and are scaled inside the network.
    """
    if not torch.cuda.is_available():
        return {"skipped": NO_GPU}
    figures: dict[str, Any] = {
        "device": torch.cuda.get_device_name(0),
        "through": "torch (stand-in for ONNX Runtime's CUDA provider)",
        "bf16_matrix_tflops": matrix_rate(torch.bfloat16),
        "float32_matrix_tflops": matrix_rate(torch.float32),
    }
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
