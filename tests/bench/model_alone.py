"""The network by itself: torch eager, torch.compile, ONNX Runtime float32 and int8, one thread, interleaved."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from export.graphs.networks import PalsyGraph
from model_training.networks.htnet_enhanced import HTNetEnhanced
from service.inference.session import InferenceSession
from tests.bench.measuring import interleaved

BATCHES = (1, 8)


def measure_model(networks: dict[str, tuple[HTNetEnhanced, Path]], *, rounds: int, compiled: bool) -> dict[str, Any]:
    """networks: size -> network and its bundle. -> size: {weights, bytes, batch: {way: cpu_ms, wall_ms}, skipped}."""
    torch.set_num_threads(1)
    figures: dict[str, Any] = {}
    for size, (network, path) in networks.items():
        sessions = {
            "onnx float32": InferenceSession(path / "model.onnx"),
            "onnx int8": InferenceSession(path / "model.int8.onnx"),
        }
        result: dict[str, Any] = {
            "weights": sum(p.numel() for p in network.parameters()),
            "bytes": {name: (path / name).stat().st_size for name in ("model.onnx", "model.int8.onnx")},
            "skipped": {},
        }
        graph = PalsyGraph(network).eval()
        ways: dict[str, Callable[..., Any]] = {"torch eager": graph}
        if compiled and size == "shipped":
            ways["torch.compile"] = torch.compile(graph, dynamic=True)
        else:
            result["skipped"]["torch.compile"] = "only the shipped network, in full mode: compiling takes minutes"
        for batch in BATCHES:
            tensors = graph.example_inputs(batch)
            arrays = {name: value.numpy() for name, value in tensors.items()}
            works: dict[str, Callable[[], object]] = {}
            for name, way in ways.items():
                work = _without_gradient(way, tensors)
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        work()
                    works[name] = work
                except Exception as error:  # a machine without a C++ compiler has no torch.compile
                    result["skipped"][name] = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
            works |= {name: (lambda s=session, a=arrays: s.run(a)) for name, session in sessions.items()}
            result[f"batch {batch}"] = interleaved(works, rounds=rounds)
        figures[size] = result
    return figures


def shipped_kappa_lost(metrics_file: Path) -> float | None:
    """How much kappa the shipped int8 graph loses against float32, where its evaluation was run with both variants:
    `int8` and `float32` in metrics.json, each with a `kappa`."""
    metrics = json.loads(metrics_file.read_text(encoding="utf-8"))
    try:
        return round(metrics["float32"]["kappa"] - metrics["int8"]["kappa"], 4)
    except (KeyError, TypeError):
        return None


def _without_gradient(way: Callable[..., Any], tensors: dict[str, torch.Tensor]) -> Callable[[], object]:
    def work() -> object:
        with torch.no_grad():
            return way(*tensors.values())

    return work
