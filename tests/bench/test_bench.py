"""`make bench`: measures everything and writes docs/research/bench. HTNET_BENCH_MODE=quick (default) or full.

HTNET_BENCH_OUT names another folder for the report.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.bench import subject
from tests.bench.gpu import measure_gpu
from tests.bench.http_load import Server, bare_server, load, naive_peer, service
from tests.bench.measuring import cpu_by_kind_of_thread, machine, summary
from tests.bench.model_alone import measure_model, shipped_kappa_lost
from tests.bench.report import FOLDER, targets, write_report
from tests.bench.stages import measure_naive_stages, measure_stages
from tests.bench.training_speed import measure_loso, measure_step

SHIPPED = Path(__file__).parents[2] / "models"
MODES: dict[str, dict[str, int]] = {
    "quick": {"rounds": 15, "requests": 24, "turns": 3, "growth": 0, "loso_epochs": 1, "loop_folds": 2, "steps": 2},
    "full": {"rounds": 40, "requests": 120, "turns": 5, "growth": 2000, "loso_epochs": 2, "loop_folds": 4, "steps": 5},
}
CONCURRENCY = (1, 2, 8, 32)
# What saturates one worker that analyses one photograph at a time, and two of them.
SATURATING = 4


@pytest.mark.bench
@pytest.mark.filterwarnings("default")
def test_bench(tmp_path: Path) -> None:
    mode = os.environ.get("HTNET_BENCH_MODE", "quick")
    if mode not in MODES:
        pytest.fail(f"HTNET_BENCH_MODE must be one of {', '.join(MODES)}, got {mode!r}")
    plan = MODES[mode]
    results: dict[str, Any] = {"mode": mode, "machine": machine()}
    torch.set_num_threads(1)
    network = subject.network()
    photo = subject.photograph()
    models = tmp_path / "models"
    bundle = subject.bundle(network, models)
    checkpoint = tmp_path / "network.pt"
    torch.save({"config": network.config, "state_dict": network.state_dict()}, checkpoint)
    with service(models, workers=1) as server, naive_peer(checkpoint) as peer:
        stages = _taking_turns(server, peer, bundle, photo, plan, results)
        results["http"]["workers 1"] |= _at_each_concurrency(server, photo, plan, skip=(1,))
        results["http"]["memory_growth_mb_per_1000"] = _memory_growth(server, photo, plan["growth"])
        starts = [server.start_s]
    results["stages"] = stages
    with bare_server(stages["answer_bytes"]) as server:
        load(server, photo, concurrency=1, requests=50)
        bare = load(server, photo, concurrency=1, requests=20 * plan["requests"])
        results["http"]["bare_cpu_ms"] = bare["cpu_ms_per_request"]
    results["naive_stages"] = measure_naive_stages(network, photo, rounds=plan["rounds"] // 3)
    with service(models, workers=2) as server:
        results["http"]["workers 2"] = _at_each_concurrency(server, photo, plan)
    results["http"]["scaling"] = _scaling(models, photo, plan)
    for _ in range(2):
        with service(SHIPPED, workers=1) as server:
            starts.append(server.start_s)
    results["http"]["start_s"] = round(sorted(starts)[1], 2)
    small = subject.network(size="small", patch_size=7)
    results["model"] = measure_model(
        {"shipped": (network, bundle), "small": (small, subject.bundle(small, tmp_path / "small"))},
        rounds=plan["rounds"],
        compiled=mode == "full",
    )
    results["int8_kappa_lost"] = shipped_kappa_lost(SHIPPED / "palsy" / "metrics.json")
    results["training"] = {
        "step": measure_step(sizes={"small": 8, "base": 2}, steps=plan["steps"]),
        "loso": measure_loso(epochs=plan["loso_epochs"], folds=17, loop_folds=plan["loop_folds"]),
    }
    results["gpu"] = measure_gpu(bundle, rounds=plan["rounds"])
    results["load_at_end"] = round(os.getloadavg()[0], 1)
    write_report(results, Path(os.environ.get("HTNET_BENCH_OUT", FOLDER)))
    for name, target, measured, met in targets(results):
        print(f"{'met   ' if met else 'not met' if met is False else '-     '} {name}: {measured} (target {target})")


def _taking_turns(
    server: Server, peer: Server, bundle: Path, photo: bytes, plan: dict[str, int], results: dict[str, Any]
) -> dict[str, Any]:
    """Stages, service and naive peer in turns at concurrency 1; the turn with the median CPU time counts, latencies are
    those of all turns. Returns the stages."""
    ours, theirs, stages = [], [], []
    for each in (server, peer):
        load(each, photo, concurrency=1, requests=10)
    before = cpu_by_kind_of_thread(server.process)
    for _ in range(plan["turns"]):
        stages.append(measure_stages(bundle, photo, rounds=plan["rounds"]))
        ours.append(load(server, photo, concurrency=1, requests=plan["requests"]))
        theirs.append(load(peer, photo, concurrency=1, requests=max(6, plan["requests"] // 4)))
    count = plan["turns"] * plan["requests"]
    after = cpu_by_kind_of_thread(server.process)
    for figures in (*ours, *theirs):
        assert list(figures["statuses"]) == ["200"], f"answers other than 200: {figures['statuses']}"
    results["http"] = {
        "workers 1": {"concurrency 1": _middle(ours)},
        "cpu_ms_by_thread": {
            kind: round(1e3 * (spent - before.get(kind, 0.0)) / count, 2) for kind, spent in after.items()
        },
    }
    results["naive"] = _middle(theirs)
    return sorted(stages, key=lambda s: s["sum_cpu_ms"])[len(stages) // 2]


def _middle(runs: list[dict[str, Any]]) -> dict[str, Any]:
    latencies = [latency for run in runs for latency in run["latencies"]]
    middle = sorted(runs, key=lambda run: run["cpu_ms_per_request"])[len(runs) // 2]
    return {**_without_latencies(middle), "latency_ms": summary(latencies)}


def _without_latencies(run: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name != "latencies"}


def _at_each_concurrency(
    server: Server, photo: bytes, plan: dict[str, int], skip: tuple[int, ...] = ()
) -> dict[str, Any]:
    load(server, photo, concurrency=4, requests=8)
    return {
        f"concurrency {count}": _without_latencies(
            load(server, photo, concurrency=count, requests=max(plan["requests"], 2 * count))
        )
        for count in CONCURRENCY
        if count not in skip
    }


def _scaling(models: Path, photo: bytes, plan: dict[str, int]) -> dict[str, Any]:
    """Two workers and one in turns, each worker with one analysis at a time: what a second core brings."""
    rates: dict[str, list[float]] = {"1": [], "2": []}
    client: list[float] = []
    with service(models, workers=1, running_max=1) as one, service(models, workers=2, running_max=1) as two:
        for server in (one, two):
            load(server, photo, concurrency=SATURATING, requests=20)
        for _ in range(plan["turns"]):
            for name, server in (("1", one), ("2", two)):
                run = load(server, photo, concurrency=SATURATING, requests=plan["requests"])
                rates[name].append(run["requests_per_s"])
                client.append(run["client_cpu_ms_per_request"])
    medians = {name: sorted(values)[len(values) // 2] for name, values in rates.items()}
    return {
        "requests_per_s": medians,
        "ratio": round(medians["2"] / medians["1"], 2),
        "client_cpu_ms_per_request": sorted(client)[len(client) // 2],
    }


def _memory_growth(server: Server, photo: bytes, requests: int) -> float | None:
    """MB of resident memory per 1,000 requests, after a warm-up of a third of them; None for no requests."""
    if not requests:
        return None
    before = load(server, photo, concurrency=2, requests=requests // 3)["rss_mb"]
    after = load(server, photo, concurrency=2, requests=requests)["rss_mb"]
    return round(1000 * (after - before) / requests, 2)
