"""`loso` and `study`: leave-one-subject-out, of one configuration and of many sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from model_training.command_options import Device, progress_bar, refuse_given
from model_training.errors import TrainingError
from model_training.microexpression.commands import ConfigFile, Data, Out
from model_training.shard_options import RayAddress, ShardText, on_ray, share_of_work

Precision = Annotated[
    Literal["float32", "bf16"] | None,
    typer.Option(help="bf16: matrix products in half the width, for a GPU; instead of what the configuration says."),
]
FoldsAtOnce = Annotated[
    int | None, typer.Option(help="Folds trained together: 17 on a CPU, all on a GPU, as memory allows.", min=1)
]
IN_ONE_PROCESS = "a GPU trains all folds at once, in one process"


def loso_command(
    context: typer.Context,
    data: Data,
    config: Annotated[
        list[Path],
        typer.Option(help="TOML as above. Repeatable: the first is reported, protocol (c) chooses among all of them."),
    ],
    out: Out,
    seeds: Annotated[int, typer.Option(help="Number of seeds, at least 5 for a report.", min=1)] = 5,
    processes: Annotated[int, typer.Option(help="Processes that share the folds.", min=1)] = 1,
    initial: Annotated[
        Path | None, typer.Option(help="Checkpoint of `htnet microexpression reference` to start every fold from.")
    ] = None,
    held_out_seeds: Annotated[
        int | None,
        typer.Option(help="Seeds of protocol (c), a run of its own each; default: all, 0: leave it out.", min=0),
    ] = None,
    shuffled: Annotated[bool, typer.Option(help="Run the control with shuffled labels (one seed).")] = True,
    device: Device = "cpu",
    precision: Precision = None,
    folds_at_once: FoldsAtOnce = None,
    shard: ShardText = None,
    ray: RayAddress = None,
) -> None:
    """Leave-one-subject-out: protocols (a) paper, (b) fixed final epoch, (c) held-out subjects, side by side.
    Resumable.

    Example: `htnet microexpression loso --data FLOW --config configs/microexpression.toml --initial reference.pt
    --out runs/loso`

    The paper's setting on a GPU, all folds in one batch: `... loso --data FLOW --config
    configs/microexpression_paper.toml --device cuda --precision bf16 --out runs/paper`
    """
    kept_seeds = seeds if held_out_seeds is None else held_out_seeds
    if len(config) > 1 and kept_seeds == 0:
        raise TrainingError(
            f"--config {config[1]} would have no effect: only protocol (c) chooses among configurations, and "
            "--held-out-seeds 0 leaves it out"
        )
    if device != "cpu":
        refuse_given(context, "processes", why=IN_ONE_PROCESS)
    if initial is not None and not initial.is_file():
        raise TrainingError(f"{initial}: no such checkpoint; make one with `htnet microexpression reference`")
    share = share_of_work(shard, ray)
    from model_training.microexpression.config import training_config
    from model_training.microexpression.evaluation.report import loso_report, told, write_report
    from model_training.microexpression.folded.fold_chunk import adapted, folds_in_a_chunk
    from model_training.microexpression.folded.loso import run_all
    from model_training.microexpression.folded.loso_plan import LosoPlan
    from model_training.microexpression.published_flow import load_flow

    clips = load_flow(data)
    plan = LosoPlan(
        configs=[adapted(training_config(path), clips, precision=precision) for path in config],
        seeds=seeds,
        held_out_seeds=kept_seeds,
        shuffled=shuffled,
        initial="" if initial is None else str(initial),
        folds_per_chunk=folds_in_a_chunk(folds_at_once, clips, device=device),
        device=device,
    )
    runs, parts = plan.runs, out / "parts"
    if ray is not None:
        chunks = sum(run.chunks(clips) for run in runs)
        on_gpu = device != "cpu"
        on_ray(ray, lambda part: run_all(data, runs, out=parts, shard=part), folder=parts, units=chunks, gpu=on_gpu)
    with progress_bar("chunks") as bar:
        results = run_all(
            data,
            runs,
            out=parts,
            processes=processes,
            shard=share,
            progress=lambda line: bar.say(line, err=True),
            on_chunk=bar.at,
        )
    if share is not None:
        left = sum(one is None for one in results)
        whether = f"{left} of {len(results)} runs wait for other shards" if left else "every run is complete"
        typer.echo(f"shard {share} is done in {parts}; {whether}. Without --shard the command writes the report.")
        return
    plain, held_out, control = plan.sorted_results([one for one in results if one is not None])
    about = {
        "config": plan.configs[0].to_dict(), "initial": "" if initial is None else initial.name, "seeds": seeds
    }  # fmt: skip
    report = loso_report(plain, held_out, control, clips, configurations=[path.stem for path in config], about=about)
    write_report(report, out)
    for line in told(report):
        typer.echo(line)
    typer.echo(f"report: {out / 'loso.json'}")


def study_command(
    context: typer.Context,
    data: Data,
    config: ConfigFile,
    out: Out,
    dim: Annotated[list[int] | None, typer.Option(help="Width of the finest level. Repeatable; 8, 16, 32.")] = None,
    heads: Annotated[list[int] | None, typer.Option(help="Number of heads. Repeatable; 1, 2, 3, 4.")] = None,
    seeds: Annotated[int, typer.Option(help="Number of seeds, at least 5 for a report.", min=1)] = 5,
    processes: Annotated[int, typer.Option(help="Processes that share the folds.", min=1)] = 1,
    device: Device = "cpu",
    precision: Precision = None,
    folds_at_once: FoldsAtOnce = None,
) -> None:
    """The study of dim and heads: leave-one-subject-out for each, as a table. Resumable.

    Example: `htnet microexpression study --data FLOW --config configs/microexpression_paper_small.toml --out
    runs/study`

    As in the paper, on a GPU: `... study --data FLOW --config configs/microexpression_paper.toml --dim 256 --dim 512
    --device cuda --out runs/study`
    """
    if device != "cpu":
        refuse_given(context, "processes", why=IN_ONE_PROCESS)
    from model_training.microexpression.config import training_config
    from model_training.microexpression.evaluation.size_study import as_markdown, study_sizes
    from model_training.microexpression.folded.fold_chunk import adapted, folds_in_a_chunk
    from model_training.microexpression.published_flow import load_flow

    clips = load_flow(data)
    with progress_bar("runs") as bar:
        rows = study_sizes(
            data,
            adapted(training_config(config), clips, precision=precision),
            dims=dim or (8, 16, 32),
            heads=heads or (1, 2, 3, 4),
            seeds=seeds,
            out=out,
            folds_per_chunk=folds_in_a_chunk(folds_at_once, clips, device=device),
            device=device,
            processes=processes,
            say=lambda line: bar.say(line, err=True),
            progress=bar.at,
        )
    typer.echo(as_markdown(rows))
    typer.echo(f"wrote {out / 'study.md'}, study.csv and study.json")
