"""`make bench`: measures everything and writes docs/bench. HTNET_BENCH_MODE=quick (default) or full.

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
from tests.bench.http_load import Server, load, naive_peer, service
from tests.bench.measuring import machine
from tests.bench.model_alone import measure_model
from tests.bench.report import FOLDER, targets, write_report
from tests.bench.stages import measure_stages
from tests.bench.training_speed import measure_loso, measure_step

MODES: dict[str, dict[str, int]] = {
    "quick": {"rounds": 15, "requests": 24, "turns": 3, "growth": 0, "loso_epochs": 1, "loop_folds": 2, "steps": 2},
    "full": {"rounds": 60, "requests": 120, "turns": 5, "growth": 3000, "loso_epochs": 2, "loop_folds": 6, "steps": 5},
}
CONCURRENCY = (1, 2, 8, 32)


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
    results["http"] = {}
    with service(models, workers=1) as server, naive_peer(checkpoint) as peer:
        _taking_turns(results, server, peer, bundle, photo, plan)
        results["http"]["workers 1"] |= _at_each_concurrency(server, photo, plan, skip=(1,))
        results["http"]["memory_growth_mb_per_1000"] = _memory_growth(server, photo, plan["growth"])
        results["http"]["start_s"] = round(server.start_s, 2)
    with service(models, workers=2) as server:
        results["http"]["workers 2"] = _at_each_concurrency(server, photo, plan)
    small = subject.network(size="small", patch_size=7)
    results["model"] = measure_model(
        {"shipped": (network, bundle), "small": (small, subject.bundle(small, tmp_path / "small"))},
        rounds=plan["rounds"],
        compiled=mode == "full",
    )
    results["training"] = {
        "step": measure_step(sizes={"small": 8, "base": 2}, steps=plan["steps"]),
        "loso": measure_loso(epochs=plan["loso_epochs"], folds=17, loop_folds=plan["loop_folds"]),
    }
    results["gpu"] = measure_gpu(rounds=plan["rounds"])
    results["load_at_end"] = round(os.getloadavg()[0], 1)
    write_report(results, Path(os.environ.get("HTNET_BENCH_OUT", FOLDER)))
    for name, target, measured, met in targets(results):
        print(f"{'met   ' if met else 'not met' if met is False else '-     '} {name}: {measured} (target {target})")


def _taking_turns(
    results: dict[str, Any], server: Server, peer: Server, bundle: Path, photo: bytes, plan: dict[str, int]
) -> None:
    """Stages, service and naive peer in turns at concurrency 1; the turn with the median CPU time counts."""
    ours, theirs, stages = [], [], []
    for each in (server, peer):
        load(each, photo, concurrency=1, requests=5)
    for _ in range(plan["turns"]):
        stages.append(measure_stages(bundle, photo, rounds=plan["rounds"]))
        ours.append(load(server, photo, concurrency=1, requests=plan["requests"]))
        theirs.append(load(peer, photo, concurrency=1, requests=max(6, plan["requests"] // 4)))
    for figures in (*ours, *theirs):
        assert list(figures["statuses"]) == ["200"], f"answers other than 200: {figures['statuses']}"
    results["stages"] = sorted(stages, key=lambda s: s["sum_cpu_ms"])[len(stages) // 2]
    results["http"]["workers 1"] = {"concurrency 1": _middle(ours)}
    results["naive"] = _middle(theirs)


def _middle(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return sorted(runs, key=lambda run: run["cpu_ms_per_request"])[len(runs) // 2]


def _at_each_concurrency(
    server: Server, photo: bytes, plan: dict[str, int], skip: tuple[int, ...] = ()
) -> dict[str, Any]:
    load(server, photo, concurrency=4, requests=8)
    return {
        f"concurrency {count}": load(server, photo, concurrency=count, requests=max(plan["requests"], 2 * count))
        for count in CONCURRENCY
        if count not in skip
    }


def _memory_growth(server: Server, photo: bytes, requests: int) -> float | None:
    """MB of resident memory per 1,000 requests, after a warm-up of a third of them; None for no requests."""
    if not requests:
        return None
    before = load(server, photo, concurrency=2, requests=requests // 3)["rss_mb"]
    after = load(server, photo, concurrency=2, requests=requests)["rss_mb"]
    return round(1000 * (after - before) / requests, 2)
