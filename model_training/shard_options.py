"""`--shard 2/8` and `--ray ADDRESS`: one command's work on several machines that share its folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from model_training.command_options import progress_bar
from model_training.errors import UserError
from model_training.runtime.shard import Shard

ShardText = Annotated[
    str | None,
    typer.Option(
        "--shard",
        help="Do one share of the work, e.g. 2/8; the others elsewhere, into the same folder. The same command without "
        "--shard then joins what all have done.",
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="Do the work on a Ray cluster, e.g. head:6379, whose machines share this folder: one task a shard, lost "
        "ones again, then join.",
    ),
]


def share_of_work(shard: str | None, ray: str | None) -> Shard | None:
    """Raises UserError for a shard that is none, and for both options at once."""
    if shard is None:
        return None
    if ray is not None:
        raise UserError(f"--shard {shard} and --ray {ray}: Ray's tasks are the shards; leave one of the two out")
    return Shard.read(shard)


def on_ray(address: str, work: Callable[[Shard], object], *, folder: Path, units: int, gpu: bool = False) -> None:
    """`work` for every shard, as tasks of the cluster, with a progress bar. folder, units, gpu: see `run_on_ray`."""
    from model_training.runtime.ray_cluster import run_on_ray

    with progress_bar("shards on Ray") as bar:
        run_on_ray(address, work, folder=folder, units=units, gpu=gpu, progress=bar.at)


def shard_done(shard: Shard, out: Path) -> str:
    return f"shard {shard} is done in {out}; without --shard the command joins all of them"
