"""Figures -> docs/research/bench: results.json, README.md and small plots. Every target is shown with its figure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from tests.bench.gpu import CALLERS
from tests.bench.measuring import MEDIAPIPE

FOLDER = Path(__file__).parents[2] / "docs" / "research" / "bench"


def write_report(results: Mapping[str, Any], folder: Path = FOLDER) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text("\n".join(_lines(results)) + "\n", encoding="utf-8")
    _plot_stages(results, folder / "stages.png")
    _plot_http(results, folder / "http.png")
    _plot_model(results, folder / "model.png")


def targets(results: Mapping[str, Any]) -> list[tuple[str, str, str, bool | None]]:
    """(figure, target, measured, met); met is None where it was not measured."""
    http, naive = results["http"]["workers 1"], results["naive"]
    alone = http["concurrency 1"]
    cpu = alone["cpu_ms_per_request"]
    ratio = cpu / (results["stages"]["sum_cpu_ms"] + results["http"]["bare_cpu_ms"])
    against = cpu / naive["cpu_ms_per_request"]
    int8 = results["model"]["shipped"]["batch 1"]["onnx int8"]["cpu_ms"]["p50"]
    lost = results["int8_kappa_lost"]
    scaling = results["http"]["scaling"]["ratio"]
    tail = alone["latency_ms"]["p99"] / alone["latency_ms"]["p50"]
    growth = results["http"]["memory_growth_mb_per_1000"]
    start = results["http"]["start_s"]
    loso = results["training"]["loso"]["ratio"]
    rows: list[tuple[str, str, str, bool | None]] = [
        (
            "CPU per request over the sum of its stages, bare HTTP among them",
            "<= 1.10",
            f"{ratio:.2f} ({cpu / results['stages']['sum_cpu_ms']:.2f} without bare HTTP)",
            ratio <= 1.10,
        ),
        ("CPU per request against the naive peer, same weights", "<= 0.25", f"{against:.2f}", against <= 0.25),
        ("shipped palsy architecture int8, one thread", "<= 12 ms", f"{int8:.1f} ms", int8 <= 12),
        (
            "kappa that the shipped int8 graph loses against float32",
            "<= 0.005",
            "not in models/palsy/metrics.json" if lost is None else f"{lost:.4f}",
            None if lost is None else lost <= 0.005,
        ),
        ("two workers over one, one analysis at a time in each", ">= 1.9", f"{scaling:.2f}", scaling >= 1.9),
        ("p99 over p50 at concurrency 1", "<= 1.3", f"{tail:.3f}", tail <= 1.3),
        (
            "memory growth per 1,000 requests",
            "< 1 MB",
            "not measured in quick mode" if growth is None else f"{growth:.1f} MB",
            None if growth is None else growth < 1,
        ),
        ("start to ready", "<= 5 s", f"{start:.1f} s", start <= 5),
        ("LOSO, all folds together over one after another, CPU", ">= 3x", f"{loso:.2f}x", loso >= 3),
    ]
    gpu = results["gpu"]
    if "skipped" in gpu:
        rows.append(("GPU: batching over batch 1; share of the matrix rate", ">= 8x; >= 50 %", gpu["skipped"], None))
    else:
        gain, through = gpu["tiny"]["batch 32 over batch 1"], "batch 32 over batch 1 (network alone, torch)"
        if "skipped" not in gpu["onnx"]:
            gain = gpu["onnx"][f"model.float16.onnx, {CALLERS} callers"]["ratio"]
            through = f"dynamic batching, {CALLERS} callers, over batch 1"
        share = gpu["base share of the bf16 matrix rate at batch 128"]
        rows.append((f"GPU: {through}", ">= 8x", f"{gain:.1f}x", gain >= 8))
        rows.append(("GPU: `base`, batch 128, of the bf16 matrix rate", ">= 50 %", f"{share:.0%}", share >= 0.5))
    return rows


def _lines(results: Mapping[str, Any]) -> list[str]:
    machine = results["machine"]
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; all figures are in [results.json](results.json). `HTNET_BENCH_MODE=full make bench` "
        "takes more rounds and measures memory growth.",
        "",
        f"Mode: **{results['mode']}**. {machine['cores']} cores of {machine['processor']}, {machine['memory_gb']} GB, "
        f"torch {machine['torch']}, ONNX Runtime {machine['onnxruntime']}, GPU: {machine['gpu'] or 'none'}.",
        f"Load of the machine (1 minute) at the start: {machine['load_1min']}, at the end: {results['load_at_end']}. "
        "With a load above one per core other work ran beside the benchmark: times are then upper bounds, and figures "
        "that need idle cores (two workers over one, tails) say little.",
        "",
        "The network has the shipped architecture and random weights; CPU times count every thread of the process, and "
        "of the server's processes over HTTP. Client and server share the cores.",
        "",
        "## Targets",
        "",
        "| figure | target | measured | met |",
        "|---|---|---|---|",
    ]
    word = {True: "yes", False: "**no**", None: "-"}
    lines += [f"| {name} | {target} | {value} | {word[met]} |" for name, target, value, met in targets(results)]
    if limits := _limits(results):
        lines += ["", "What the limit is where a target was missed:", "", *limits]
    lines += ["", "## Stages in process (ms)", "", "![stages](stages.png)", "", "| stage | CPU | wall p50 | wall p95 |"]
    lines += ["|---|---|---|---|"]
    for name, stage in results["stages"]["stages"].items():
        wall = stage["wall_ms"]
        lines.append(f"| {name} | {stage['cpu_ms']['p50']:.2f} | {wall['p50']:.2f} | {wall['p95']:.2f} |")
    lines += [f"| sum | {results['stages']['sum_cpu_ms']:.2f} | | |", "", *_threads(results)]
    lines += ["", "The naive peer's, in process and with one thread:", "", "| stage | CPU | service |", "|---|---|---|"]
    for name, stage in results["naive_stages"]["stages"].items():
        ours = results["stages"]["stages"][name]["cpu_ms"]["p50"]
        lines.append(f"| {name} | {stage['cpu_ms']['p50']:.2f} | {ours:.2f} |")
    lines += [f"| sum | {results['naive_stages']['sum_cpu_ms']:.2f} | |", "", "## Over HTTP", ""]
    lines += ["![requests per second and latency](http.png)", ""]
    lines += ["| server | concurrency | requests/s | p50 ms | p99 ms | CPU ms per request | RSS MB |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for workers in ("workers 1", "workers 2"):
        for name, row in results["http"][workers].items():
            lines.append(_http_row(f"service, {workers}", name.split()[1], row))
    lines.append(_http_row("naive peer (torch eager, landmarker per request)", "1", results["naive"]))
    scaling = results["http"]["scaling"]
    lines += [
        "",
        "Service and naive peer at concurrency 1 were measured in turns; p50 and p99 there are over all turns.",
        f"With one analysis at a time in a worker (`HTNET_RUNNING_MAX=1`, concurrency 4, in turns): one worker "
        f"{scaling['requests_per_s']['1']:.1f} requests/s, two {scaling['requests_per_s']['2']:.1f}. The default, two, "
        f"lets one worker use both cores, as far as Python's lock allows. The client takes "
        f"{scaling['client_cpu_ms_per_request']:.1f} ms of the same cores for each request.",
        "",
        "## Model alone (ms)",
        "",
    ]
    lines += ["![model](model.png)", "", "| network | batch | way | CPU | wall |", "|---|---|---|---|---|"]
    for size, figures in results["model"].items():
        for batch in ("batch 1", "batch 8"):
            for way, row in figures[batch].items():
                medians = f"{row['cpu_ms']['p50']:.2f} | {row['wall_ms']['p50']:.2f}"
                lines.append(f"| {size}, {figures['weights']:,} weights | {batch[6:]} | {way} | {medians} |")
        lines += [f"| {size} | | {way} | {why} | |" for way, why in figures["skipped"].items()]
    lines += ["", "## Training", "", "| what | figure |", "|---|---|"]
    for size, row in results["training"]["step"].items():
        lines.append(
            f"| step of `{size}`, batch {row['batch']} | {row['images_per_s']} images/s of CPU time, one thread |"
        )
    loso = results["training"]["loso"]
    lines.append(f"| LOSO, {loso['folds_together']} folds together | {loso['together_images_per_s']} images/s |")
    lines.append(f"| LOSO, one fold after another | {loso['loop_images_per_s']} images/s |")
    gpu = results["gpu"]
    lines += [
        "",
        "## GPU",
        "",
        gpu["skipped"] + "." if "skipped" in gpu else f"```json\n{json.dumps(gpu, indent=1)}\n```",
    ]
    return lines


def _threads(results: Mapping[str, Any]) -> list[str]:
    """Where the CPU time of a request over HTTP goes, by kind of thread."""
    kinds = results["http"]["cpu_ms_by_thread"]
    parts = ", ".join(f"{kind} {spent:.1f}" for kind, spent in sorted(kinds.items(), key=lambda item: -item[1]))
    return [f"Over HTTP at concurrency 1 a request takes, in CPU ms by thread of the server's process: {parts}."]


def _limits(results: Mapping[str, Any]) -> list[str]:
    """Beside each target that was missed: what the limit is, from this run's own profile."""
    stages, naive = results["stages"]["stages"], results["naive_stages"]
    missed = {name for name, _, _, met in targets(results) if met is False}
    cpu = results["http"]["workers 1"]["concurrency 1"]["cpu_ms_per_request"]
    kinds = results["http"]["cpu_ms_by_thread"]
    theirs = results["naive"]["cpu_ms_per_request"]
    scaling = results["http"]["scaling"]
    rate = scaling["requests_per_s"]["2"]
    landmarks = stages["landmarks"]["cpu_ms"]["p50"]
    shared = sum(stages[name]["cpu_ms"]["p50"] for name in ("decode", "landmarks", "crops"))
    reasons = {
        "CPU per request over": f"{cpu - results['stages']['sum_cpu_ms']:.1f} ms lie outside the stages. The event "
        f"loop (HTTP, FastAPI, limits, metrics) takes {kinds.get('event loop', 0):.1f} ms; a bare uvicorn that reads "
        f"the same body and answers as many bytes, {results['http']['bare_cpu_ms']:.1f}. The rest is what changes of "
        "thread cost (event loop -> analysis -> MediaPipe's own threads and back), and caches that are warm where a "
        "stage runs many times in a row.",
        "CPU per request against": f"the peer takes {theirs:.1f} ms, of which its network takes only "
        f"{naive['stages']['model']['cpu_ms']['p50']:.1f}. A quarter is {theirs / 4:.1f} ms; decoding, finding the "
        f"landmarks in both looks and cropping alone take {shared:.1f} ms in the service ({landmarks:.1f} for the "
        f"landmarks; MediaPipe's own threads take {kinds.get(MEDIAPIPE, 0):.1f} over HTTP), and the peer has to do "
        "them too.",
        "shipped palsy architecture int8": "the convolutions of the close-ups stay in float32 (`export/quantize.py`).",
        "p99 over p50": "tails follow what else runs on the machine; see the load above.",
        "two workers over one": f"client and servers share the cores. Two workers answer "
        f"{scaling['requests_per_s']['2']:.1f} requests/s at about {cpu + scaling['client_cpu_ms_per_request']:.1f} ms "
        f"of CPU with the client's, {rate * (cpu + scaling['client_cpu_ms_per_request']) / 1e3:.2f} of "
        f"{results['machine']['cores']} cores; what is left went to other work (see the load above) and to waiting for "
        "the audit's disk.",
        "LOSO": "what is left is arithmetic on one core, where joining the folds saves only what starting operations "
        "costs.",
    }
    return [
        f"- {name}: {reason}" for name in sorted(missed) for start, reason in reasons.items() if name.startswith(start)
    ]


def _http_row(server: str, concurrency: str, row: Mapping[str, Any]) -> str:
    latency = row["latency_ms"]
    return (
        f"| {server} | {concurrency} | {row['requests_per_s']:.1f} | {latency['p50']:.1f} | {latency['p99']:.1f} "
        f"| {row['cpu_ms_per_request']:.1f} | {row['rss_mb']:.0f} |"
    )


def _plot_stages(results: Mapping[str, Any], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 2.2))
    names = list(results["stages"]["stages"])
    for row, side in enumerate(("naive_stages", "stages")):
        left = 0.0
        for name, stage in results[side]["stages"].items():
            width = stage["cpu_ms"]["p50"]
            axes.barh([row], [width], left=left, color=plt.cm.tab10(names.index(name)), label=name if row else None)
            left += width
        axes.text(left, row, f" {left:.1f}", va="center", fontsize=8)
    axes.set_yticks([0, 1], ["naive peer", "service"])
    axes.set_xlabel("CPU ms of one request's stages, in process")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(ncols=5, fontsize=7, loc="lower center", bbox_to_anchor=(0.45, 1.0), frameon=False)
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)


def _plot_http(results: Mapping[str, Any], path: Path) -> None:
    figure, (rate, latency) = plt.subplots(1, 2, figsize=(7, 2.4))
    for workers, colour in (("workers 1", "#4c72b0"), ("workers 2", "#dd8452")):
        rows = sorted((int(name.split()[1]), row) for name, row in results["http"][workers].items())
        counts = [count for count, _ in rows]
        rate.plot(counts, [row["requests_per_s"] for _, row in rows], "o-", color=colour, label=workers)
        for quantile, style in (("p50", "o-"), ("p99", "o:")):
            values = [row["latency_ms"][quantile] for _, row in rows]
            latency.plot(counts, values, style, color=colour, label=f"{workers}, {quantile}")
    for axes, title in ((rate, "requests/s"), (latency, "latency, ms")):
        axes.set_xscale("log", base=2)
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.set_xlabel("concurrency")
        axes.set_title(title, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=7, frameon=False)
    rate.set_ylim(bottom=0)
    latency.set_yscale("log")
    latency.set_yticks([30, 100, 300, 1000], ["30", "100", "300", "1000"])
    latency.minorticks_off()
    figure.tight_layout()
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)


def _plot_model(results: Mapping[str, Any], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(6, 2.6))
    names, values = [], []
    for size, figures in results["model"].items():
        for way, row in figures["batch 1"].items():
            names.append(f"{size}: {way}")
            values.append(row["cpu_ms"]["p50"])
    axes.barh(names[::-1], values[::-1], color="#4c72b0")
    axes.set_xlabel("CPU ms, batch 1, one thread")
    axes.tick_params(labelsize=7)
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)
