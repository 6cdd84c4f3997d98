"""`prepare` for micro-expression clips: onset/apex pairs, and the flow images published with HTNet."""

from __future__ import annotations

from typing import Annotated

import typer

from model_training.command_options import refuse_given
from model_training.datasets.options import (
    Annotations,
    ColumnMapFile,
    FramesChoice,
    MissingApex,
    MissingApexChoice,
    Out,
    Root,
    SchemeChoice,
    Seed,
    Table,
    Test,
    Truth,
    Validation,
    begin,
    end,
)
from model_training.errors import TrainingError

microexpression_sets = typer.Typer()


@microexpression_sets.command("casme2")
def prepare_casme2(
    context: typer.Context,
    root: Root,
    annotations: Annotations,
    out: Out,
    frames: Annotated[
        FramesChoice, typer.Option(help="Whole frames, or the face crops that come with the set.")
    ] = FramesChoice.raw,
    composite: Annotated[bool, typer.Option(help="MEGC2019 classes: negative is disgust and repression only.")] = True,
    missing_apex: MissingApex = MissingApexChoice.drop,
    ground_truth: Truth = None,
    validation: Validation = 0.15,
    test: Test = 0.0,
    seed: Seed = 0,
) -> None:
    """CASME II: onset/apex pairs in three classes.

    Example: `htnet data prepare casme2 --root CASME2 --annotations CASME2-coding-20140508.xlsx --out
    runs/casme2`
    """
    from model_training.datasets.converters.microexpression_sets import convert_casme2
    from model_training.datasets.reading.emotions import scheme
    from model_training.datasets.reading.ground_truth import read_ground_truth

    if ground_truth is not None:
        refuse_given(context, "composite", why="--ground-truth says every clip's class")
    classes = scheme("megc2019-casme2" if composite else "three")
    conversion = begin("casme2", classes.labels, out)
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
    end(conversion, validation=validation, test=test, seed=seed)


@microexpression_sets.command("smic")
def prepare_smic(
    root: Root, out: Out, ground_truth: Truth = None, validation: Validation = 0.15, test: Test = 0.0, seed: Seed = 0
) -> None:
    """SMIC-HS: three classes from its folders; the middle frame stands for the apex, which is not annotated.

    Example: `htnet data prepare smic --root SMIC_all_cropped --out runs/smic`
    """
    from model_training.datasets.converters.microexpression_sets import convert_smic
    from model_training.datasets.reading.emotions import scheme
    from model_training.datasets.reading.ground_truth import read_ground_truth

    classes = scheme("three")
    conversion = begin("smic", classes.labels, out)
    convert_smic(conversion, root=root, scheme=classes, truth=read_ground_truth(ground_truth) if ground_truth else None)
    end(conversion, validation=validation, test=test, seed=seed)


@microexpression_sets.command("samm")
def prepare_samm(
    root: Root,
    annotations: Annotations,
    out: Out,
    missing_apex: MissingApex = MissingApexChoice.drop,
    ground_truth: Truth = None,
    validation: Validation = 0.15,
    test: Test = 0.0,
    seed: Seed = 0,
) -> None:
    """SAMM: three classes; clips with a wrong apex or offset cell are dropped and named.

    Example: `htnet data prepare samm --root SAMM --annotations SAMM_Micro_FACS_Codes_v2.xlsx --out
    runs/samm`
    """
    from model_training.datasets.converters.microexpression_sets import convert_samm
    from model_training.datasets.reading.emotions import scheme
    from model_training.datasets.reading.ground_truth import read_ground_truth

    classes = scheme("three")
    conversion = begin("samm", classes.labels, out)
    truth = read_ground_truth(ground_truth) if ground_truth else None
    convert_samm(
        conversion, root=root, annotations=annotations, scheme=classes, missing_apex=missing_apex.value, truth=truth
    )
    end(conversion, validation=validation, test=test, seed=seed)


@microexpression_sets.command("casme3")
def prepare_casme3(
    root: Root,
    annotations: Annotations,
    out: Out,
    classes: Annotated[
        SchemeChoice, typer.Option(help="Three, four (with others) or seven classes.")
    ] = SchemeChoice.three,
    missing_apex: MissingApex = MissingApexChoice.drop,
    validation: Validation = 0.15,
    test: Test = 0.0,
    seed: Seed = 0,
) -> None:
    """CAS(ME)^3 part A, its 3-, 4- or 7-class task.

    Example: `htnet data prepare casme3 --root part_A --annotations
    'cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx' --out runs/casme3`
    """
    from model_training.datasets.converters.microexpression_sets import convert_casme3
    from model_training.datasets.reading.emotions import scheme

    chosen = scheme(classes.value)
    conversion = begin("casme3", chosen.labels, out)
    convert_casme3(conversion, root=root, annotations=annotations, scheme=chosen, missing_apex=missing_apex.value)
    end(conversion, validation=validation, test=test, seed=seed)


@microexpression_sets.command("published-flow")
def prepare_published_flow(
    root: Root, out: Out, validation: Validation = 0.15, test: Test = 0.0, seed: Seed = 0
) -> None:
    """The 28x28 flow images published with HTNet, read as they are.

    Example: `htnet data prepare published-flow --root micro-expression --out runs/flow`
    """
    from face.vocabulary import EMOTIONS
    from model_training.datasets.converters.published_flow import convert_published_flow

    conversion = begin("flow", EMOTIONS, out)
    convert_published_flow(conversion, root=root)
    end(conversion, validation=validation, test=test, seed=seed)


@microexpression_sets.command("pairs")
def prepare_pairs(
    root: Root,
    table: Table,
    column_map: ColumnMapFile,
    out: Out,
    labels: Annotated[
        str, typer.Option(help="Names of the classes in the order of their numbers, with commas between them.")
    ] = "negative,positive,surprise",
    name: Annotated[str, typer.Option(help="Of the data set: it comes before the names of its people.")] = "pairs",
    validation: Validation = 0.15,
    test: Test = 0.0,
    seed: Seed = 0,
) -> None:
    """Any set of onset/apex pairs with a spreadsheet (MMEW, or your own), through a column map with `[path] onset`.

    Example: `htnet data prepare pairs --root MMEW --table MMEW_Micro_Exp_delete_others.csv --column-map mmew.toml
    --labels happiness,surprise,sadness,disgust,fear,anger --name mmew --out runs/mmew`
    """
    from model_training.datasets.converters.column_map import convert_with_column_map, read_column_map
    from model_training.datasets.reading.labels import GradeReader

    names = tuple(part.strip() for part in labels.split(",") if part.strip())
    if len(set(names)) < 2:
        raise TrainingError(f"--labels {labels!r} names {len(set(names))} class(es); at least two are needed")
    columns = read_column_map(column_map)
    if not columns.path.onset:
        raise TrainingError(f"{column_map}: a pair has two frames; name the one at rest, too: [path] onset = ...")
    conversion = begin(name, names, out)
    convert_with_column_map(conversion, root=root, table=table, columns=columns, grades=GradeReader(labels=names))
    end(conversion, validation=validation, test=test, seed=seed)
