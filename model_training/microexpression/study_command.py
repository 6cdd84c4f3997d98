"""`study`: which width and how many heads, by leave-one-subject-out."""

from __future__ import annotations

from typing import Annotated

import typer

from model_training.command_options import Device, progress_bar, refuse_given
from model_training.microexpression.commands import ConfigFile, Data, FoldsAtOnce, Out, Precision


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
        refuse_given(context, "processes", why="a GPU trains all folds at once, in one process")
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
