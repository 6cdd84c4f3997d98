"""`prepare`, `split` and `merge`: from official folders and spreadsheets to one sample table."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

prepare = typer.Typer(
    name="prepare",
    help="From a data set's official layout to a sample table, with a report of what was read, used and dropped.",
    no_args_is_help=True,
)

Root = Annotated[Path, typer.Option("--root", help="Folder that the data set was unpacked to.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for samples.parquet, dropped.csv and report.json.")]
Validation = Annotated[float, typer.Option(help="Share of people held out to choose the epoch and calibrate.")]
Test = Annotated[float, typer.Option(help="Share of people held out for the final figures.")]
Seed = Annotated[int, typer.Option(help="Seed of the split.")]
Annotations = Annotated[Path, typer.Option("--annotations", help="The data set's annotation spreadsheet.")]
KeepSplits = Annotated[bool, typer.Option("--keep-splits", help="Use the split that the data set's own table names.")]
Truth = Annotated[
    Path | None,
    typer.Option("--ground-truth", help="MEGC2019 list (db,subject,video,label): keep its clips and labels only."),
]
Grades = Annotated[str, typer.Option(help="How grades are written: 1..6, 0..5, 1..3, 0..2 or names. Never guessed.")]
Classes = Annotated[int, typer.Option(help="6 = House-Brackmann I to VI, 3 = normal, mild, severe.")]
Merge = Annotated[
    str, typer.Option(help="Grades that form each class, e.g. '1;2,3;4,5,6' for three classes of six grades.")
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


MissingApexOption = Annotated[
    MissingApexChoice,
    typer.Option("--missing-apex", help="Clips without an annotated apex: leave out, or take the middle frame."),
]


def register(app: typer.Typer) -> None:
    app.add_typer(prepare)
    app.command("split")(split_command)
    app.command("merge")(merge_command)


def _begin(dataset: str, labels: tuple[str, ...], out: Path):
    from model_training.datasets.conversion import Conversion

    return Conversion(dataset=dataset, labels=labels, out=out)


def _end(conversion, *, validation: float, test: float, seed: int, keep_splits: bool = False) -> None:
    from model_training.datasets.splits import SplitShares

    shares = None if keep_splits else SplitShares(validation=validation, test=test)
    report = conversion.finish(shares=shares, seed=seed)
    for line in report.lines():
        typer.echo(line)
    typer.echo(f"table: {conversion.out / 'samples.parquet'}; every dropped row: {conversion.out / 'dropped.csv'}")


@prepare.command("fnp")
def prepare_fnp(
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
        str | None, typer.Option(help="Regular expression for the file-name stem with a group (?P<person>...).")
    ] = None,
    dataset: Annotated[str, typer.Option(help="Name in the table, where several sets share this layout.")] = "fnp",
    validation: Validation = 0.15,
    test: Test = 0.15,
    seed: Seed = 0,
    keep_splits: KeepSplits = False,
) -> None:
    """Grade folders (grade_1/patient001_left.jpg) or a table of graded photographs.

    Example: `python -m model_training prepare fnp --root FNP --grades 1..6 --out runs/fnp`

    Three classes: `... --grades 1..6 --classes 3 --merge '1;2,3;4,5,6'`
    """
    from model_training.datasets.fnp import DEFAULT_STEM, convert_grade_folders, convert_grade_table, stem_pattern
    from model_training.datasets.labels import grade_reader

    reader = grade_reader(grades=grades, classes=classes, merge=merge)
    conversion = _begin(dataset, reader.labels, out)
    pattern = stem_pattern(stem or DEFAULT_STEM)
    if table is None:
        convert_grade_folders(conversion, root=root, grades=reader, stem=pattern)
    else:
        convert_grade_table(
            conversion, root=root, table=table, grades=reader, person_column=person_column, stem=pattern
        )
    _end(conversion, validation=validation, test=test, seed=seed, keep_splits=keep_splits)


@prepare.command("ck-plus")
def prepare_ck_plus(
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

    Example: `python -m model_training prepare ck-plus --root CK+ --out runs/ckplus`
    """
    from model_training.datasets.ck_plus import convert_ck_plus
    from model_training.datasets.labels import grade_reader

    reader = grade_reader(grades=grades, classes=classes, merge=merge)
    conversion = _begin("ckplus", reader.labels, out)
    convert_ck_plus(conversion, root=root, grade_map=grade_map, grades=reader)
    _end(conversion, validation=validation, test=test, seed=seed)


def _prepare_mapped(
    dataset: str,
    root: Path,
    table: Path,
    column_map: Path,
    out: Path,
    grades: str,
    classes: int,
    merge: str,
    validation: float,
    test: float,
    seed: int,
    keep_splits: bool,
) -> None:
    from model_training.datasets.column_map import convert_with_column_map, read_column_map
    from model_training.datasets.labels import grade_reader

    reader = grade_reader(grades=grades, classes=classes, merge=merge)
    conversion = _begin(dataset, reader.labels, out)
    convert_with_column_map(conversion, root=root, table=table, columns=read_column_map(column_map), grades=reader)
    _end(conversion, validation=validation, test=test, seed=seed, keep_splits=keep_splits)


Table = Annotated[Path, typer.Option("--table", help="The data set's spreadsheet (.xlsx or .csv).")]
ColumnMapFile = Annotated[
    Path, typer.Option("--column-map", help="TOML that names the columns; format in docs/training.md.")
]


@prepare.command("meei")
def prepare_meei(
    root: Root,
    table: Table,
    column_map: ColumnMapFile,
    out: Out,
    grades: Grades = "1..6",
    classes: Classes = 6,
    merge: Merge = "",
    validation: Validation = 0.15,
    test: Test = 0.15,
    seed: Seed = 0,
    keep_splits: KeepSplits = False,
) -> None:
    """MEEI Standard Set: eight poses a person; the spreadsheet's columns are named by your column map.

    Example: `python -m model_training prepare meei --root MEEI --table MEEI/scores.xlsx --column-map meei.toml --out
    runs/meei`
    """
    _prepare_mapped("meei", root, table, column_map, out, grades, classes, merge, validation, test, seed, keep_splits)


@prepare.command("yfp")
def prepare_yfp(
    root: Root,
    table: Table,
    column_map: ColumnMapFile,
    out: Out,
    grades: Grades = "names",
    classes: Classes = 3,
    merge: Merge = "",
    validation: Validation = 0.15,
    test: Test = 0.15,
    seed: Seed = 0,
    keep_splits: KeepSplits = False,
) -> None:
    """YouTube Facial Palsy: no House-Brackmann grades; your column map says which intensity is which class.

    Example: `python -m model_training prepare yfp --root YFP --table YFP/labels.csv --column-map yfp.toml --out
    runs/yfp`
    """
    _prepare_mapped("yfp", root, table, column_map, out, grades, classes, merge, validation, test, seed, keep_splits)


@prepare.command("neuroface")
def prepare_neuroface(
    root: Root,
    table: Table,
    column_map: ColumnMapFile,
    out: Out,
    grades: Grades = "1..6",
    classes: Classes = 6,
    merge: Merge = "",
    validation: Validation = 0.15,
    test: Test = 0.15,
    seed: Seed = 0,
    keep_splits: KeepSplits = False,
) -> None:
    """Toronto NeuroFace, or any other graded set with a spreadsheet, through a column map.

    Example: `python -m model_training prepare neuroface --root NF --table NF/scores.xlsx --column-map nf.toml --out
    runs/nf`
    """
    _prepare_mapped(
        "neuroface", root, table, column_map, out, grades, classes, merge, validation, test, seed, keep_splits
    )


@prepare.command("casme2")
def prepare_casme2(
    root: Root,
    annotations: Annotations,
    out: Out,
    frames: Annotated[
        FramesChoice, typer.Option(help="Whole frames, or the face crops that come with the set.")
    ] = FramesChoice.raw,
    composite: Annotated[bool, typer.Option(help="MEGC2019 classes: negative is disgust and repression only.")] = True,
    missing_apex: MissingApexOption = MissingApexChoice.drop,
    ground_truth: Truth = None,
    validation: Validation = 0.15,
    test: Test = 0.0,
    seed: Seed = 0,
) -> None:
    """CASME II: onset/apex pairs in three classes.

    Example: `python -m model_training prepare casme2 --root CASME2 --annotations CASME2-coding-20140508.xlsx --out
    runs/casme2`
    """
    from model_training.datasets.emotions import scheme
    from model_training.datasets.ground_truth import read_ground_truth
    from model_training.datasets.microexpression_sets import convert_casme2

    classes = scheme("megc2019-casme2" if composite else "three")
    conversion = _begin("casme2", classes.labels, out)
    truth = read_ground_truth(ground_truth) if ground_truth else None
    convert_casme2(
        conversion,
        root=root,
        annotations=annotations,
        scheme=classes,
        frames=frames.value,
        missing_apex=missing_apex.value,
        truth=truth,
    )
    _end(conversion, validation=validation, test=test, seed=seed)


@prepare.command("smic")
def prepare_smic(
    root: Root, out: Out, ground_truth: Truth = None, validation: Validation = 0.15, test: Test = 0.0, seed: Seed = 0
) -> None:
    """SMIC-HS: three classes from its folders; the middle frame stands for the apex, which is not annotated.

    Example: `python -m model_training prepare smic --root SMIC_all_cropped --out runs/smic`
    """
    from model_training.datasets.emotions import scheme
    from model_training.datasets.ground_truth import read_ground_truth
    from model_training.datasets.microexpression_sets import convert_smic

    classes = scheme("three")
    conversion = _begin("smic", classes.labels, out)
    convert_smic(conversion, root=root, scheme=classes, truth=read_ground_truth(ground_truth) if ground_truth else None)
    _end(conversion, validation=validation, test=test, seed=seed)


@prepare.command("samm")
def prepare_samm(
    root: Root,
    annotations: Annotations,
    out: Out,
    missing_apex: MissingApexOption = MissingApexChoice.drop,
    ground_truth: Truth = None,
    validation: Validation = 0.15,
    test: Test = 0.0,
    seed: Seed = 0,
) -> None:
    """SAMM: three classes; clips with a wrong apex or offset cell are dropped and named.

    Example: `python -m model_training prepare samm --root SAMM --annotations SAMM_Micro_FACS_Codes_v2.xlsx --out
    runs/samm`
    """
    from model_training.datasets.emotions import scheme
    from model_training.datasets.ground_truth import read_ground_truth
    from model_training.datasets.microexpression_sets import convert_samm

    classes = scheme("three")
    conversion = _begin("samm", classes.labels, out)
    truth = read_ground_truth(ground_truth) if ground_truth else None
    convert_samm(
        conversion, root=root, annotations=annotations, scheme=classes, missing_apex=missing_apex.value, truth=truth
    )
    _end(conversion, validation=validation, test=test, seed=seed)


@prepare.command("casme3")
def prepare_casme3(
    root: Root,
    annotations: Annotations,
    out: Out,
    classes: Annotated[
        SchemeChoice, typer.Option(help="Three, four (with others) or seven classes.")
    ] = SchemeChoice.three,
    missing_apex: MissingApexOption = MissingApexChoice.drop,
    validation: Validation = 0.15,
    test: Test = 0.0,
    seed: Seed = 0,
) -> None:
    """CAS(ME)^3 part A, its 3-, 4- or 7-class task.

    Example: `python -m model_training prepare casme3 --root part_A --annotations
    'cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx' --out runs/casme3`
    """
    from model_training.datasets.emotions import scheme
    from model_training.datasets.microexpression_sets import convert_casme3

    chosen = scheme(classes.value)
    conversion = _begin("casme3", chosen.labels, out)
    convert_casme3(conversion, root=root, annotations=annotations, scheme=chosen, missing_apex=missing_apex.value)
    _end(conversion, validation=validation, test=test, seed=seed)


@prepare.command("published-flow")
def prepare_published_flow(
    root: Root, out: Out, validation: Validation = 0.15, test: Test = 0.0, seed: Seed = 0
) -> None:
    """The 28x28 flow images published with HTNet, read as they are.

    Example: `python -m model_training prepare published-flow --root micro-expression --out runs/flow`
    """
    from model_training.datasets.emotions import THREE
    from model_training.datasets.published_flow import convert_published_flow

    conversion = _begin("flow", THREE, out)
    convert_published_flow(conversion, root=root)
    _end(conversion, validation=validation, test=test, seed=seed)


def split_command(
    table: Annotated[Path, typer.Argument(help="Sample table, or the folder that holds it. It is rewritten in place.")],
    validation: Validation = 0.15,
    test: Test = 0.15,
    seed: Seed = 0,
) -> None:
    """Split a sample table anew, by person and stratified by label.

    Example: `python -m model_training split runs/fnp --validation 0.2 --test 0.2 --seed 7`
    """
    from model_training.datasets.conversion import describe_splits
    from model_training.datasets.splits import SplitShares, assign_splits
    from model_training.sample_table import find_table, label_names, read_table, write_table

    path = find_table(table)
    read = read_table(path)
    frame = assign_splits(read.frame, shares=SplitShares(validation=validation, test=test), seed=seed)
    write_table(frame, path)
    for name, part in describe_splits(frame, label_names(frame)).items():
        typer.echo(f"{name}: {part['rows']} rows of {part['people']} people ({part['classes']})")


def merge_command(
    tables: Annotated[list[Path], typer.Argument(help="Two or more sample tables with the same labels.")],
    out: Annotated[Path, typer.Option(help="Folder for the merged samples.parquet.")],
) -> None:
    """Join sample tables, for example patients and healthy controls, into one.

    Example: `python -m model_training merge runs/fnp runs/ckplus --out runs/both`
    """
    from model_training.datasets.conversion import merge_tables
    from model_training.sample_table import read_table, validate, write_table

    frame = merge_tables([read_table(table) for table in tables], out)
    write_table(validate(frame, source="the merged table", num_classes=10), out / "samples.parquet")
    typer.echo(f"{len(frame)} rows of {frame['person_id'].nunique()} people: {out / 'samples.parquet'}")
