"""A command's shards on Ray: what is written is what one machine writes, also where a machine is lost on the way."""

from __future__ import annotations

import gc
import socket
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from model_training.crossvalidation.crossval import cross_validate
from model_training.data.cache_build import build_cache
from model_training.data.sample_table import read_table
from model_training.errors import TrainingError, UserError
from model_training.runtime import ray_cluster
from model_training.runtime.ray_cluster import run_on_ray
from model_training.runtime.shard import Shard
from model_training.shard_options import share_of_work
from model_training.simulator.dataset import SimulationConfig, simulate
from model_training.tasks import make_producer
from tests.model_training.caches import write_cache
from tests.model_training.training.tiny_runs import config, quiet

PEOPLE = SimulationConfig(identities=12, images_per_identity=8, seed=3, size_px=160, split="train")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_task_refuses_a_folder_that_its_machine_does_not_share(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"elsewhere, .* is another folder on the machine"):
        ray_cluster._run_shard(print, Shard(1, 1), str(tmp_path), str(tmp_path / "elsewhere" / ".ray-1"))


def test_shards_are_either_rays_or_the_users() -> None:
    assert share_of_work("2/8", None) == Shard(2, 8)
    assert share_of_work(None, "head:6379") is None
    with pytest.raises(UserError, match="Ray's tasks are the shards"):
        share_of_work("2/8", "head:6379")


def test_shards_of_two_lists_are_those_of_the_lists_behind_each_other() -> None:
    first, second = list("abcde"), list("fgh")
    for number in range(1, 5):
        shard = Shard(number, 4)
        assert shard.of(first) + shard.after(len(first)).of(second) == shard.of(first + second)


def test_without_ray_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def no_ray(name: str, *rest: Any, original: Callable[..., Any] = __import__, **named: Any) -> Any:
        if name == "ray":
            raise ModuleNotFoundError("No module named 'ray'", name="ray")
        return original(name, *rest, **named)

    monkeypatch.setattr("builtins.__import__", no_ray)
    with pytest.raises(UserError, match=r"pip install 'htnet-clinical\[ray\]'"):
        run_on_ray("head:6379", print, folder=tmp_path, units=1)


def test_an_address_where_nobody_listens_is_told_at_once() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        ray_cluster._reach(f"127.0.0.1:{port}", own="127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ray_cluster._reach(f"ray://localhost:{listening.getsockname()[1]}", own="127.0.0.1")
    ray_cluster._reach("auto", own="127.0.0.1")


@pytest.fixture
def two_machines() -> Iterator[tuple[Any, Any]]:
    """Ray's own cluster of two machines with a core each -> (cluster, the one that may be lost)."""
    with warnings.catch_warnings():  # Ray leaves sockets and files of its processes to the garbage collector
        warnings.simplefilter("ignore")
        testing = pytest.importorskip("ray.cluster_utils")
        cluster = testing.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        try:
            yield cluster, cluster.add_node(num_cpus=1)
        finally:
            cluster.shutdown()
            gc.collect()


class LoseTheSecond:
    """Progress that kills a machine when the first shards are finished."""

    def __init__(self, cluster: Any, machine: Any) -> None:
        self.cluster, self.machine, self.seen = cluster, machine, list[tuple[int, int]]()

    def __call__(self, done: int, count: int) -> None:
        self.seen.append((done, count))
        if done and self.machine is not None:
            lost, self.machine = self.machine, None
            self.cluster.remove_node(lost, allow_graceful=False)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_two_machines_write_is_what_one_writes_also_where_one_is_lost(
    two_machines: tuple[Any, Any], tmp_path: Path
) -> None:
    cluster, _ = two_machines
    lose = LoseTheSecond(*two_machines)
    out = tmp_path / "rays"
    run_on_ray(cluster.address, lambda part: simulate(out, PEOPLE, shard=part), folder=out, units=12, progress=lose)
    assert lose.machine is None
    assert (lose.seen[0], lose.seen[-1]) == ((0, 8), (8, 8))
    assert len(list((out / "parts").iterdir())) == 12, "every person, before anything is done here"
    simulate(out, PEOPLE)
    simulate(tmp_path / "one", PEOPLE, processes=2)
    assert files(out) == files(tmp_path / "one")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_cache_and_cross_validation_too_and_faults_stay_messages(two_machines: tuple[Any, Any], tmp_path: Path) -> None:
    cluster, _ = two_machines
    simulate(tmp_path / "set", PEOPLE)
    table, producer = read_table(tmp_path / "set"), make_producer("palsy", faces="largest")
    out = tmp_path / "cache"
    run_on_ray(
        cluster.address,
        lambda part: build_cache(table, out, producer=producer, jobs=0, shard=part),
        folder=out,
        units=2,
    )
    build_cache(table, out, producer=producer, jobs=1)
    build_cache(table, tmp_path / "cache-of-one", producer=producer, jobs=2)
    assert files(out) == files(tmp_path / "cache-of-one")

    small = write_cache(tmp_path / "small", people=9)
    settings = {"optimisation": {"epochs": 1, "warmup_epochs": 0.0}, "run": {"threads": 1}}
    there = config(small, tmp_path / "cv", **settings)
    run_on_ray(
        cluster.address,
        lambda part: cross_validate(there, folds=3, validation=0.34, shard=part, say=quiet),
        folder=tmp_path / "cv",
        units=3,
    )
    assert cross_validate(there, folds=3, validation=0.34, say=quiet) is not None
    cross_validate(config(small, tmp_path / "cv-of-one", **settings), folds=3, validation=0.34, say=quiet)
    for name in ("report/predictions.csv", "report/metrics.json", "fold_00/fold.npz", "fold_02/fold.npz"):
        assert (tmp_path / "cv" / name).read_bytes() == (tmp_path / "cv-of-one" / name).read_bytes(), name

    other = config(small, tmp_path / "cv", **{**settings, "optimisation": {"epochs": 1, "learning_rate": 0.1}})
    with pytest.raises(TrainingError, match=r"holds folds made with another .*learning_rate"):
        run_on_ray(
            cluster.address,
            lambda part: cross_validate(other, folds=3, validation=0.34, shard=part, say=quiet),
            folder=tmp_path / "cv",
            units=3,
        )


def test_shards_of_simulated_people_are_one_set(tmp_path: Path) -> None:
    few = PEOPLE.changed(identities=3, images_per_identity=2)
    simulate(tmp_path / "whole", few)
    for number in (2, 1):
        assert not simulate(tmp_path / "shards", few, shard=Shard(number, 2)).exists()
    simulate(tmp_path / "shards", few)
    assert files(tmp_path / "shards") == files(tmp_path / "whole")
