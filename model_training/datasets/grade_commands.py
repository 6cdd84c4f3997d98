"""`prepare` for data sets with grades: FNP folders and tables, CK+, and sets that need the user's column map."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model_training.command_options import refuse_given
from model_training.datasets.options import (
    Classes,
    ColumnMapFile,
    Grades,
    KeepSplits,
    Merge,
    Out,
    Root,
    Seed,
    Table,
    Test,
    Validation,
    begin,
    check_split_options,
    end,
)
from model_training.errors import TrainingError

grade_sets = typer.Typer()


@grade_sets.command("fnp")
def prepare_fnp(
    context: typer.Context,
    root: Root,
    out: Out,
    grades: Grades,
    classes: Classes = 6,
    merge: Merge = "",
    table: Annotated[
        Path | None, typer.Option(help="csv/xlsx with image_path, grade, side, split instead of grade folders.")
    ] = None,
    person_column: Annotated[
        str | None, typer.Option(help="Column with the patient id; otherwise from the file name.")
    ] = None,
    stem: Annotated[
        str | None, typer.Option(help="Regular expression for the file-name stem, with a group named person.")
    ] = None,
    dataset: Annotated[str, typer.Option(help="Name in the table, where several sets share this layout.")] = "fnp",
    validation: Validation = 0.15,
    test: Test = 0.15,
    seed: Seed = 0,
    keep_splits: KeepSplits = False,
) -> None:
    """Grade folders (grade_1/patient001_left.jpg) or a table of graded photographs.

    Example: `htnet data prepare fnp --root FNP --grades 1..6 --out runs/fnp`

    Three classes: `... --grades 1..6 --classes 3 --merge '1;2,3;4,5,6'`
    """
    from model_training.datasets.converters.fnp import (
        DEFAULT_STEM,
        convert_grade_folders,
        convert_grade_table,
        stem_pattern,
    )
    from model_training.datasets.reading.labels import grade_reader

    check_split_options(context, keep_splits)
    if table is None:
        why = "it is about a --table, and grade folders are read"
        refuse_given(context, "person_column", why=why)
        refuse_given(context, "keep_splits", why=why)
    elif person_column is not None:
        refuse_given(context, "stem", why="--person-column says who is who")
    reader = grade_reader(grades=grades, classes=classes, merge=merge)
    conversion = begin(dataset, reader.labels, out)
    pattern = stem_pattern(stem or DEFAULT_STEM)
    if table is None:
        convert_grade_folders(conversion, root=root, grades=reader, stem=pattern, stem_chosen=stem is not None)
    else:
        convert_grade_table(
            conversion,
            root=root,
            table=table,
            grades=reader,
            person_column=person_column,
            stem=pattern,
            stem_chosen=stem is not None,
        )
    end(conversion, validation=validation, test=test, seed=seed, keep_splits=keep_splits)


@grade_sets.command("ck-plus")
def prepare_ck_plus(
    context: typer.Context,
    root: Root,
    out: Out,
    grade_map: Annotated[
        Path | None, typer.Option(help="Table subject, grade [, sequence, side]; without it all are healthy, grade 1.")
    ] = None,
    grades: Grades = "1..6",
    classes: Classes = 6,
    merge: Merge = "",
    validation: Validation = 0.15,
    test: Test = 0.15,
    seed: Seed = 0,
) -> None:
    """CK+ as healthy controls (rest and peak of each expression), or with a grade map.

    Example: `htnet data prepare ck-plus --root CK+ --out runs/ckplus`
    """
    from model_training.datasets.converters.ck_plus import convert_ck_plus
    from model_training.datasets.reading.labels import grade_reader

    if grade_map is None:
        refuse_given(context, "grades", "merge", why="without --grade-map everybody is healthy, grade 1")
    reader = grade_reader(grades=grades, classes=classes, merge=merge)
    conversion = begin("ckplus", reader.labels, out)
    convert_ck_plus(conversion, root=root, grade_map=grade_map, grades=reader)
    end(conversion, validation=validation, test=test, seed=seed)


def add_mapped_set(dataset: str, what: str, *, grades: str, classes: int) -> None:
    """`prepare` for a data set whose columns the user names; grades and classes are the defaults of its options."""
    root = dataset.upper()
    files = f"--root {root} --table {root}/scores.xlsx --column-map {dataset}.toml --out runs/{dataset}"

    @grade_sets.command(dataset, help=f"{what}\n\nExample: `htnet data prepare {dataset} {files}`")
    def prepare_mapped(
        context: typer.Context,
        root: Root,
        table: Table,
        column_map: ColumnMapFile,
        out: Out,
        grades: Grades = grades,
        classes: Classes = classes,
        merge: Merge = "",
        validation: Validation = 0.15,
        test: Test = 0.15,
        seed: Seed = 0,
        keep_splits: KeepSplits = False,
    ) -> None:
        from model_training.datasets.converters.column_map import convert_with_column_map, read_column_map
        from model_training.datasets.reading.labels import grade_reader

        check_split_options(context, keep_splits)
        columns = read_column_map(column_map)
        if columns.path.onset:
            raise TrainingError(f"{column_map}: [path] onset is of pairs of frames: `htnet data prepare pairs`")
        if "label" in columns.values:
            refuse_given(
                context, "grades", "merge", why=f"[values.label] of {column_map} says which value is which class"
            )
        reader = grade_reader(grades=grades, classes=classes, merge=merge)
        conversion = begin(dataset, reader.labels, out)
        convert_with_column_map(conversion, root=root, table=table, columns=columns, grades=reader)
        end(conversion, validation=validation, test=test, seed=seed, keep_splits=keep_splits)


add_mapped_set(
    "meei",
    "MEEI Standard Set: eight poses a person; the spreadsheet's columns are named by your column map.",
    grades="1..6",
    classes=6,
)
add_mapped_set(
    "yfp",
    "YouTube Facial Palsy: no House-Brackmann grades; your column map says which intensity is which class.",
    grades="names",
    classes=3,
)
add_mapped_set(
    "neuroface",
    "Toronto NeuroFace, or any other graded set with a spreadsheet, through a column map.",
    grades="1..6",
    classes=6,
)
