"""The shards of a command as tasks of a Ray cluster whose machines share a folder.

A shard's work must be resumable and idempotent, as every `--shard` is: a task whose machine is lost is done again
elsewhere and finds what was finished.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from model_training.errors import Interrupted, TrainingError, UserError
from model_training.runtime.shard import Shard

# So many shards for each core: what is lost with a machine, and what the last ones make the cluster wait, is short.
SHARDS_PER_CORE = 4
# How often a task is done again after its machine or worker was lost, or the shared folder failed it.
RETRIES = 5
SECONDS_BETWEEN_LOOKS, SECONDS_TO_CONNECT = 1.0, 10.0


def run_on_ray(
    address: str,
    work: Callable[[Shard], object],
    *,
    folder: Path,
    units: int,
    gpu: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> None:
    """Run `work` for every shard on the cluster at `address`, one core a task, and a GPU too where `gpu` says so.

    folder: which `work` writes to and all machines must see; units: the parts that the work can be cut into at most;
    progress: called with (shards done, all). Raises UserError where Ray is not installed or not there, a folder is not
    shared, or a shard fails for something that the user can mend; Interrupted on Ctrl-C.
    """
    progress = progress or _ignore
    folder.mkdir(parents=True, exist_ok=True)
    with _joined(address) as ray, _mark(folder) as mark:
        cores = int(ray.cluster_resources().get("GPU" if gpu else "CPU", 0))
        if cores < 1:
            raise UserError(f"--ray {address}: the cluster has no {'GPU' if gpu else 'core'} to run on")
        count = min(units, cores * SHARDS_PER_CORE)
        progress(0, count)
        task = ray.remote(
            num_cpus=1, num_gpus=int(gpu), max_retries=RETRIES, retry_exceptions=[OSError], scheduling_strategy="SPREAD"
        )(_run_shard)
        shared = ray.put(work)
        running = [task.remote(shared, Shard(n, count), str(Path.cwd()), str(mark)) for n in range(1, count + 1)]
        try:
            while running:
                done, running = ray.wait(running, timeout=SECONDS_BETWEEN_LOOKS)
                ray.get(done)
                progress(count - len(running), count)
        except ray.exceptions.RayTaskError as error:
            _stop(ray, running)
            if isinstance(error.cause, UserError):
                raise error.cause from error
            raise
        except ray.exceptions.RayError as error:
            _stop(ray, running)
            raise TrainingError(
                f"--ray {address}: a shard was given up after {RETRIES} retries ({str(error).splitlines()[0]}). What "
                "is finished is kept; the same command goes on."
            ) from error
        except KeyboardInterrupt:
            _stop(ray, running)
            raise Interrupted(
                f"Stopped. {count - len(running)} of {count} shards are finished, and the finished parts of the others "
                f"are kept in {folder}; the same command goes on from there."
            ) from None


def _ignore(_done: int, _all: int) -> None:
    """Nobody watches."""


@contextmanager
def _joined(address: str) -> Iterator[Any]:
    """Ray, as a driver of the cluster. Its import and its own logs are kept out of every other command."""
    # Ray reports its use to its makers unless it is told not to; a cluster's head is told by `ray start`.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise UserError("--ray needs Ray, which is not installed: pip install 'htnet-clinical[ray]'") from error
    try:
        _reach(address, own=ray.util.get_node_ip_address())
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"--ray {address}: no cluster could be joined ({reason}). Start one with `ray start --head "
            "--disable-usage-stats`, the other machines with `ray start --address HEAD:6379`, and give HEAD:6379"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _reach(address: str, *, own: str) -> None:
    """Raises OSError where nobody listens at HOST:PORT: Ray itself would try for minutes. own: this machine's address,
    which Ray takes in place of a loopback one."""
    found = re.fullmatch(r"(?:ray://)?\[?([^\[\]]+)\]?:(\d+)", address)
    if found is not None:
        host = own if found[1] in ("localhost", "127.0.0.1") else found[1]
        socket.create_connection((host, int(found[2])), timeout=SECONDS_TO_CONNECT).close()


@contextmanager
def _mark(folder: Path) -> Iterator[Path]:
    """A file by which tasks see that the folder is the same on their machine."""
    mark = folder.resolve() / f".ray-{secrets.token_hex(8)}"
    mark.touch()
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)


def _run_shard(work: Callable[[Shard], object], shard: Shard, here: str, mark: str) -> None:
    """In a worker of the cluster: relative paths mean what they mean where the command was given."""
    if not (Path(here).is_dir() and Path(mark).is_file()):
        raise UserError(
            f"{Path(mark).parent}, or {here} where the command was given, is another folder on the machine "
            f"{os.uname().nodename}, or none: the machines of a cluster must share both, by the same path"
        )
    os.chdir(here)
    work(shard)


def _stop(ray: Any, running: list[Any]) -> None:
    for task in running:
        ray.cancel(task, force=True)
