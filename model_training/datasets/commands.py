"""`prepare`, `split` and `merge`: from official folders and spreadsheets to one sample table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model_training.command_messages import CommandGroup
from model_training.datasets.grade_commands import grade_sets
from model_training.datasets.microexpression_commands import microexpression_sets
from model_training.datasets.options import Seed, Test, Validation
from model_training.errors import TrainingError

prepare = typer.Typer(
    name="prepare",
    cls=CommandGroup,
    help="From a data set's official layout to a sample table, with a report of what was read, used and dropped.\n\n"
    "Example: `htnet data prepare fnp --root FNP --grades 1..6 --out runs/fnp`",
    no_args_is_help=True,
)
prepare.add_typer(grade_sets)
prepare.add_typer(microexpression_sets)


def split_command(
    table: Annotated[Path, typer.Argument(help="Sample table, or the folder that holds it. It is rewritten in place.")],
    validation: Validation = 0.15,
    test: Test = 0.15,
    seed: Seed = 0,
) -> None:
    """Split a sample table anew, by person and stratified by label.

    Example: `htnet data split runs/fnp --validation 0.2 --test 0.2 --seed 7`
    """
    from model_training.data.sample_table import find_table, label_names, read_table, write_table
    from model_training.datasets.reading.conversion import describe_splits, split_lines
    from model_training.datasets.reading.splits import SplitShares, assign_splits

    path = find_table(table)
    read = read_table(path)
    frame = assign_splits(read.frame, shares=SplitShares(validation=validation, test=test), seed=seed)
    write_table(frame, path)
    for line in split_lines(describe_splits(frame, label_names(frame))):
        typer.echo(line)
    typer.echo(f"table: {path}")


def merge_command(
    tables: Annotated[list[Path], typer.Argument(help="Two or more sample tables with the same labels.")],
    out: Annotated[Path, typer.Option(help="Folder for the merged samples.parquet.")],
) -> None:
    """Join sample tables, for example patients and healthy controls, into one.

    Example: `htnet data merge runs/fnp runs/ckplus --out runs/both`
    """
    from model_training.data.sample_table import read_table, validate, write_table
    from model_training.datasets.reading.conversion import merge_tables

    if len(tables) < 2:
        raise TrainingError(f"{tables[0]}: one table has nothing to be merged with; name two or more")
    frame = merge_tables([read_table(table) for table in tables], out)
    write_table(validate(frame, source="the merged table", num_classes=10), out / "samples.parquet")
    typer.echo(f"{len(frame)} rows of {frame['person_id'].nunique()} people: {out / 'samples.parquet'}")
