"""What the `prepare` commands share: their options, and how a conversion begins and ends."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model_training.command_options import refuse_given

if TYPE_CHECKING:
    from model_training.datasets.reading.conversion import Conversion

Root = Annotated[Path, typer.Option("--root", help="Folder that the data set was unpacked to.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for samples.parquet, dropped.csv and report.json.")]
Validation = Annotated[float, typer.Option(help="Share of people held out to choose the epoch and calibrate.")]
Test = Annotated[float, typer.Option(help="Share of people held out for the final figures.")]
Seed = Annotated[int, typer.Option(help="Seed of the split.")]
KeepSplits = Annotated[bool, typer.Option("--keep-splits", help="Use the split that the data set's own table names.")]

Grades = Annotated[str, typer.Option(help="How grades are written: 1..6, 0..5, 1..3, 0..2 or names. Never guessed.")]
Classes = Annotated[int, typer.Option(help="6 = House-Brackmann I to VI, 3 = normal, mild, severe.")]
Merge = Annotated[
    str, typer.Option(help="Grades that form each class, e.g. '1;2,3;4,5,6' for three classes of six grades.")
]
Table = Annotated[Path, typer.Option("--table", help="The data set's spreadsheet (.xlsx or .csv).")]
ColumnMapFile = Annotated[
    Path, typer.Option("--column-map", help="TOML that names the columns; format in docs/how-to/bring-your-data.md.")
]

Annotations = Annotated[Path, typer.Option("--annotations", help="The data set's annotation spreadsheet.")]
Truth = Annotated[
    Path | None,
    typer.Option("--ground-truth", help="MEGC2019 list (db,subject,video,label): keep its clips and labels only."),
]


class MissingApexChoice(StrEnum):
    drop = "drop"
    middle = "middle"


class FramesChoice(StrEnum):
    raw = "raw"
    cropped = "cropped"


class SchemeChoice(StrEnum):
    three = "three"
    four = "four"
    seven = "seven"


MissingApex = Annotated[
    MissingApexChoice,
    typer.Option("--missing-apex", help="Clips without an annotated apex: leave out, or take the middle frame."),
]


def begin(dataset: str, labels: tuple[str, ...], out: Path) -> Conversion:
    from model_training.datasets.reading.conversion import Conversion

    return Conversion(dataset=dataset, labels=labels, out=out)


def check_split_options(context: typer.Context, keep_splits: bool) -> None:
    """Raises UserError where shares or a seed are given for a split that is kept."""
    if keep_splits:
        refuse_given(context, "validation", "test", "seed", why="--keep-splits takes the split that the table names")


def end(conversion: Conversion, *, validation: float, test: float, seed: int, keep_splits: bool = False) -> None:
    """Split, write and say what became of every row."""
    from model_training.datasets.reading.splits import SplitShares

    shares = None if keep_splits else SplitShares(validation=validation, test=test)
    report = conversion.finish(shares=shares, seed=seed)
    for line in report.lines():
        typer.echo(line)
    typer.echo(f"table: {conversion.out / 'samples.parquet'}; every dropped row: {conversion.out / 'dropped.csv'}")
